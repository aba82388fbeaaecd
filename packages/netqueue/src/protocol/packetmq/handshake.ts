import { NetQueueError } from '../../errors/errors.ts'
import { NO_MESSAGES, Registry } from '../../message/registry.ts'
import type { OwnMessages } from '../../message/registry.ts'
import { refuseStrangers } from '../plain-peer.ts'
import type { Admission, Handshake, HandshakeInit, HandshakeStep } from '../handshake.ts'
import type { ErrorNotice } from '../wire.ts'
import { announced, disagreement, publicIds } from './agreement.ts'
import { packetType, PACKETMQ, PacketType } from './frame.ts'
import {
  decodePublicIds,
  decodeReason,
  decodeVersion,
  encodeFinish,
  encodeInit,
  encodePublicIds,
  encodeSoftquit,
  VERSION,
} from './packets.ts'
import type { PublicIds } from './packets.ts'
import { endOf, reasonOf, UNKNOWN_REASON } from './reasons.ts'
import type { PacketmqSettings } from './settings.ts'
import { PacketmqWire, unexpected } from './wire.ts'

/** The packet of the other side that is due. */
type Due = 'init' | 'pubids' | 'finish'

/** What this side says of its packets. */
interface Own {
  readonly messages: OwnMessages
  readonly ids: PublicIds
}

const NOTHING: HandshakeStep = { send: [] }

/**
 * Both sides do the same: say the version, then the packets that they have, then that they agree. A step that comes before its turn is an
 * error: nobody is active who has not shown what it has.
 */
export class PacketmqHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #settings: PacketmqSettings
  #due: Due = 'init'
  #own: Own | undefined
  #theirs: PublicIds | undefined
  #hasHeard = false

  constructor(init: HandshakeInit, settings: PacketmqSettings) {
    this.#init = init
    this.#settings = settings
  }

  start(): Uint8Array[] {
    return [encodeInit()]
  }

  take(frame: Uint8Array): HandshakeStep {
    switch (packetType(frame)) {
      case PacketType.HANDSHAKE_INIT:
        return this.#greeted(frame)
      case PacketType.HANDSHAKE_PUBIDS:
        return this.#compared(frame)
      case PacketType.HANDSHAKE_FINISH:
        return this.#agreed(frame)
      case PacketType.SOFTQUIT:
        return this.#left(frame)
      default:
        return NOTHING // an original may send too early, and drops what comes too early
    }
  }

  error(notice: ErrorNotice): Uint8Array {
    return encodeSoftquit(reasonOf(notice))
  }

  /** Whoever hears a goodbye does not answer it. */
  disconnect(): Uint8Array | undefined {
    return this.#hasHeard ? undefined : encodeSoftquit(UNKNOWN_REASON)
  }

  #greeted(frame: Uint8Array): HandshakeStep {
    this.#expect('init', frame)
    const version = decodeVersion(frame)
    if (version !== VERSION) throw otherVersion(version)
    refuseStrangers(PACKETMQ, this.#init.guard)
    this.#due = 'pubids'
    this.#own = this.#introduced()
    return { send: [encodePublicIds(this.#own.ids)] }
  }

  #compared(frame: Uint8Array): HandshakeStep {
    this.#expect('pubids', frame)
    const theirs = decodePublicIds(frame)
    const refusal = disagreement((this.#own as Own).ids, theirs)
    if (refusal !== undefined) return { send: [], refusal }
    this.#due = 'finish'
    this.#theirs = theirs
    return { send: [encodeFinish()] }
  }

  #agreed(frame: Uint8Array): HandshakeStep {
    this.#expect('finish', frame)
    const { limits } = this.#init
    const theirs = this.#theirs as PublicIds
    const { id, denials } = this.#admit(theirs)
    const bans = denials && ({ side: 'server', denials } as const)
    const announcement = { messages: announced(theirs), adapts: theirs.adapt }
    const registry = new Registry((this.#own as Own).messages, announcement, bans)
    return { send: [], wire: new PacketmqWire({ id, limits, registry, denials, settings: this.#settings }) }
  }

  #left(frame: Uint8Array): HandshakeStep {
    this.#hasHeard = true
    return { send: [], end: endOf(decodeReason(frame)) }
  }

  #expect(due: Due, frame: Uint8Array): void {
    if (this.#due !== due) throw unexpected(packetType(frame))
  }

  #introduced(): Own {
    const { introduction, role } = this.#init
    const { messages = NO_MESSAGES } = introduction()
    const ids = messages.wanted ?? (role === 'client' ? 'adapt' : 'enforce')
    return { messages: { ...messages, ids }, ids: publicIds(messages, ids) }
  }

  /** A server gives its clients names of which they hear nothing: the wire has no word for them. */
  #admit(theirs: PublicIds): Admission {
    const { role, admit, guard } = this.#init
    if (role === 'client') return { id: '' }
    const applicant = { id: '', identity: guard?.identity, messages: announced(theirs) }
    return admit?.(applicant) ?? applicant
  }
}

function otherVersion(version: unknown): NetQueueError {
  const message = `The peer speaks another version of packetmq, this side version ${VERSION}`
  return new NetQueueError('VERSION_MISMATCH', message, typeof version === 'number' ? { value: version } : {})
}
