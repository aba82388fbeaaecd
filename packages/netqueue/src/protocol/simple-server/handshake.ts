import { ownMessages } from '../../message/registry.ts'
import { refuseStrangers } from '../plain-peer.ts'
import type { Handshake, HandshakeInit, HandshakeStep } from '../handshake.ts'
import { SIMPLE_SERVER, SimpleServerWire } from './wire.ts'

/** What a side has that says nothing of messages. */
const NO_MESSAGES = ownMessages({})

/** There is none: the first thing that either side says is a message. */
export class SimpleServerHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #message: string

  /** `message`: the one that there is, by name. */
  constructor(init: HandshakeInit, message: string) {
    this.#init = init
    this.#message = message
  }

  start(): Uint8Array[] {
    return []
  }

  begin(): HandshakeStep {
    const { role, introduction, limits, guard, admit } = this.#init
    const { messages = NO_MESSAGES } = introduction()
    const known = { role, message: this.#message, messages, limits }
    if (role === 'client') return { send: [], wire: new SimpleServerWire({ ...known, id: '' }) }
    refuseStrangers(SIMPLE_SERVER, guard)
    const { id, denials: denied } = admit?.({ id: '', messages: messages.table.byName }) ?? { id: '' }
    return { send: [], wire: new SimpleServerWire({ ...known, id, denied }) }
  }

  /** Nothing comes before the conversation. */
  take(): HandshakeStep {
    return this.begin()
  }

  error(): undefined {
    return undefined
  }

  disconnect(): undefined {
    return undefined
  }
}
