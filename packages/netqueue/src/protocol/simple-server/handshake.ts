import { NO_MESSAGES } from '../../message/registry.ts'
import { admitPlain } from '../plain-peer.ts'
import { SilentHandshake } from '../silent-handshake.ts'
import type { HandshakeInit, HandshakeStep } from '../handshake.ts'
import { SIMPLE_SERVER, SimpleServerWire } from './wire.ts'

/** There is none: the first thing that either side says is a message. */
export class SimpleServerHandshake extends SilentHandshake {
  readonly #init: HandshakeInit
  readonly #message: string

  /** `message`: the one that there is, by name. */
  constructor(init: HandshakeInit, message: string) {
    super()
    this.#init = init
    this.#message = message
  }

  begin(): HandshakeStep {
    const { role, introduction, limits } = this.#init
    const { messages = NO_MESSAGES } = introduction()
    const known = { role, message: this.#message, messages, limits }
    if (role === 'client') return { send: [], wire: new SimpleServerWire({ ...known, id: '' }) }
    const { id, denials: denied } = admitPlain(this.#init, { protocol: SIMPLE_SERVER, id: '', messages })
    return { send: [], wire: new SimpleServerWire({ ...known, id, denied }) }
  }

  /** Nothing comes before the conversation. */
  take(): HandshakeStep {
    return this.begin()
  }
}
