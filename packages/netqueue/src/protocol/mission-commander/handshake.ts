import { NO_MESSAGES } from '../../message/registry.ts'
import { admitPlain } from '../plain-peer.ts'
import { SilentHandshake } from '../silent-handshake.ts'
import type { HandshakeInit, HandshakeStep } from '../handshake.ts'
import { bodyOf, headerOf, idOf, NEGOTIATION, negotiation } from './frame.ts'
import type { Subjects } from './subjects.ts'
import { MISSION_COMMANDER, MissionCommanderWire, unexpected } from './wire.ts'

/** Names itself, and need not be answered: the conversation begins with that. */
export class ClientHandshake extends SilentHandshake {
  readonly #init: HandshakeInit
  readonly #subjects: Subjects

  constructor(init: HandshakeInit, subjects: Subjects) {
    super()
    this.#init = init
    this.#subjects = subjects
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
}

/** Waits for the client's name. Who is refused is cut without a word: it would take a shutdown for the end of the server. */
export class ServerHandshake extends SilentHandshake {
  readonly #init: HandshakeInit
  readonly #subjects: Subjects

  constructor(init: HandshakeInit, subjects: Subjects) {
    super()
    this.#init = init
    this.#subjects = subjects
  }

  take(frame: Uint8Array): HandshakeStep {
    const { introduction, limits } = this.#init
    const { subject } = headerOf(frame)
    if (subject !== NEGOTIATION) throw unexpected('something before its negotiation')
    const wanted = idOf(bodyOf(frame))
    const { messages = NO_MESSAGES } = introduction()
    const applicant = { protocol: MISSION_COMMANDER, id: wanted, messages }
    const { id, denials: denied } = admitPlain(this.#init, applicant)
    const subjects = this.#subjects
    return { send: [], wire: new MissionCommanderWire({ role: 'server', id, messages, subjects, limits, denied }) }
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** 16 letters and digits, as the original makes them. That some are a little likelier than others does not matter: it is no secret. */
function newId(nonce: Uint8Array): string {
  return Array.from(nonce.subarray(0, 16), (byte) => LETTERS[byte % LETTERS.length]).join('')
}
