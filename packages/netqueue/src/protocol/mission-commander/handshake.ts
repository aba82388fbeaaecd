import { ownMessages } from '../../message/registry.ts'
import { refuseStrangers } from '../plain-peer.ts'
import type { Handshake, HandshakeInit, HandshakeStep } from '../handshake.ts'
import { bodyOf, headerOf, idOf, NEGOTIATION, negotiation } from './frame.ts'
import type { Subjects } from './subjects.ts'
import { MISSION_COMMANDER, MissionCommanderWire, unexpected } from './wire.ts'

/** What a side has that says nothing of messages. */
const NO_MESSAGES = ownMessages({})

/** Names itself, and need not be answered: the conversation begins with that. */
export class ClientHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #subjects: Subjects

  constructor(init: HandshakeInit, subjects: Subjects) {
    this.#init = init
    this.#subjects = subjects
  }

  start(): Uint8Array[] {
    return []
  }

  begin(): HandshakeStep {
    const { introduction, identified, limits } = this.#init
    const { id: wanted, nonce, messages = NO_MESSAGES } = introduction()
    const id = wanted === '' ? newId(nonce) : wanted
    identified?.(id)
    const subjects = this.#subjects
    const wire = new MissionCommanderWire({ role: 'client', id: '', messages, subjects, limits })
    return { send: [negotiation(id)], wire }
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

/** Waits for the client's name. Who is refused is cut without a word: it would take a shutdown for the end of the server. */
export class ServerHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #subjects: Subjects

  constructor(init: HandshakeInit, subjects: Subjects) {
    this.#init = init
    this.#subjects = subjects
  }

  start(): Uint8Array[] {
    return []
  }

  take(frame: Uint8Array): HandshakeStep {
    const { guard, admit, introduction, limits } = this.#init
    const { subject } = headerOf(frame)
    if (subject !== NEGOTIATION) throw unexpected('something before its negotiation')
    const wanted = idOf(bodyOf(frame))
    refuseStrangers(MISSION_COMMANDER, guard)
    const { messages = NO_MESSAGES } = introduction()
    const applicant = { id: wanted, messages: messages.table.byName }
    const { id, denials: denied } = admit?.(applicant) ?? { id: wanted }
    const subjects = this.#subjects
    return { send: [], wire: new MissionCommanderWire({ role: 'server', id, messages, subjects, limits, denied }) }
  }

  error(): undefined {
    return undefined
  }

  disconnect(): undefined {
    return undefined
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** 16 letters and digits, as the original makes them. That some are a little likelier than others does not matter: it is no secret. */
function newId(nonce: Uint8Array): string {
  return Array.from(nonce.subarray(0, 16), (byte) => LETTERS[byte % LETTERS.length]).join('')
}
