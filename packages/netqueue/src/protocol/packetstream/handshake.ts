import { NO_MESSAGES, Registry } from '../../message/registry.ts'
import type { OwnMessages } from '../../message/registry.ts'
import { admitPlain, plainPeer } from '../plain-peer.ts'
import type { Admission, Handshake, HandshakeInit, HandshakeStep } from '../handshake.ts'
import type { Protocol } from '../protocol.ts'
import type { Peer } from '../wire.ts'
import { END, MAX_HEAD_BYTES } from './frame.ts'
import type { RequestTypes } from './request-types.ts'
import { PacketstreamWire } from './wire.ts'

export interface PacketstreamInit {
  protocol: Pick<Protocol, 'name' | 'supports'>
  types: RequestTypes
}

/** None: both sides talk from the first byte on. */
export class PacketstreamHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #own: PacketstreamInit

  constructor(init: HandshakeInit, own: PacketstreamInit) {
    this.#init = init
    this.#own = own
  }

  start(): Uint8Array[] {
    return []
  }

  begin(): HandshakeStep {
    const { id, messages = NO_MESSAGES } = this.#init.introduction()
    const peer = this.#peer(messages, this.#init.role === 'server' ? this.#admit(messages) : { id })
    if (this.#init.role === 'client') this.#init.identified?.(id)
    return { send: [], wire: new PacketstreamWire(peer, messages) }
  }

  /** Never: the session is there before the first frame. */
  take(): HandshakeStep {
    return { send: [] }
  }

  error(): Uint8Array {
    return END
  }

  disconnect(): Uint8Array {
    return END
  }

  #admit(messages: OwnMessages): Admission {
    return admitPlain(this.#init, { protocol: this.#own.protocol.name, id: '', messages })
  }

  /** It is taken to have the same messages, by the numbers that they have on the wire. */
  #peer({ table }: OwnMessages, { id, denials }: Admission): Peer {
    const { protocol, types } = this.#own
    const { limits } = this.#init
    const { maxItemBytes, maxFrameBytes } = limits
    const bans = denials && ({ side: 'server', denials } as const)
    return {
      ...plainPeer({ id, protocol, limits, denied: denials }),
      maxItemBytes: Math.min(maxItemBytes, maxFrameBytes - MAX_HEAD_BYTES),
      registry: new Registry({ table, ids: 'adapt' }, { messages: types.announced(table), adapts: false }, bans),
    }
  }
}
