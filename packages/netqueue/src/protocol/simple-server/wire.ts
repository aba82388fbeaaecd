import type { Denials } from '../../message/denials.ts'
import type { OwnMessages } from '../../message/registry.ts'
import type { Limits } from '../../options/limits.ts'
import type { Bytes } from '../../transport/transport.ts'
import { itemTooLarge } from '../failures.ts'
import { plainPeer } from '../plain-peer.ts'
import type { Role } from '../handshake.ts'
import type { Message, Said, Writer } from '../message.ts'
import type { Peer, Wire } from '../wire.ts'
import { SingleWriter } from '../single-writer.ts'
import type { Supports } from '../supports.ts'
import { AROUND_BYTES, frameOf, partsOf } from './frame.ts'

export const SIMPLE_SERVER = 'simple-server'
export const supports: Supports = {
  items: false,
  credit: false,
  settle: false,
  result: false,
  request: false,
  stream: false,
  message: true,
  headers: true,
  heartbeat: false,
}

export interface WireInit {
  role: Role
  /** The peer's; a server has none. */
  id: string
  /** The one message that there is, by name. */
  message: string
  messages: OwnMessages
  limits: Limits
  /** Server: what the client may not do. @default nothing */
  denied?: Denials | undefined
}

/** Messages of one kind both ways: each write is one, and so is each read. */
export class SimpleServerWire implements Wire {
  readonly peer: Peer
  readonly typed = true
  readonly #role: Role
  readonly #id: number | undefined
  readonly #writer = new MessageWriter()

  constructor({ role, message, ...init }: WireInit) {
    this.peer = plainPeer({ ...init, protocol: { name: SIMPLE_SERVER, supports } })
    this.#role = role
    this.#id = init.messages.table.byName.get(message)?.id
  }

  /** Nothing is counted: there are no sessions. */
  decode(pieces: Bytes, take: (message: Message) => void): false {
    const frame = pieces.subarray()
    const { maxItemBytes } = this.peer
    if (frame.length - AROUND_BYTES > maxItemBytes)
      throw itemTooLarge(frame.length - AROUND_BYTES, maxItemBytes, 'a message')
    const { headers, body: payload } = partsOf(frame)
    if (this.#id !== undefined) take({ type: 'message', name: this.#id, headers, payload })
    return false
  }

  encode(fill: (writer: Writer) => void): Uint8Array | undefined {
    return this.#writer.next(fill)
  }

  /** The end of the stream is all that is said. */
  disconnect(): undefined {
    return undefined
  }

  error(): undefined {
    return undefined
  }

  /** That is how clients leave. A server that stops ends its streams in the same way as one that dies: it is looked for. */
  ended(take: (message: Message) => void): void {
    if (this.#role === 'server') take({ type: 'disconnect' })
  }

  carry(): undefined {
    return undefined
  }
}

class MessageWriter extends SingleWriter {
  protected override frameOf({ headers, payload }: Said<'message'>): Uint8Array {
    return frameOf({ headers, body: payload })
  }
}
