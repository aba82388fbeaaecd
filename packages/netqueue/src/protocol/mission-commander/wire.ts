import { NetQueueError } from '../../errors/errors.ts'
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
import { bodyOf, frameOf, HEADER_BYTES, headerOf, NEGOTIATION, NOTHING, SHUTDOWN, shutdown } from './frame.ts'
import type { Subjects } from './subjects.ts'

export const MISSION_COMMANDER = 'mission-commander'
export const supports: Supports = {
  items: false,
  credit: false,
  settle: false,
  result: false,
  request: false,
  stream: false,
  message: true,
  headers: false,
  heartbeat: false,
}

export interface WireInit {
  role: Role
  /** The peer's; a server has none. */
  id: string
  messages: OwnMessages
  subjects: Subjects
  limits: Limits
  /** Server: what the client may not do. @default nothing */
  denied?: Denials | undefined
}

/** The longest body: with its header it is a frame. */
export const maxBodyBytes = ({ maxItemBytes, maxFrameBytes }: Limits): number =>
  Math.min(maxItemBytes, maxFrameBytes - HEADER_BYTES)

/** Messages both ways, each in a frame of its own. */
export class MissionCommanderWire implements Wire {
  readonly peer: Peer
  readonly typed = true
  readonly #role: Role
  readonly #messages: OwnMessages
  readonly #subjects: Subjects
  readonly #writer: MessageWriter

  constructor({ role, messages, subjects, ...init }: WireInit) {
    const protocol = { name: MISSION_COMMANDER, supports }
    this.peer = { ...plainPeer({ ...init, messages, protocol }), maxItemBytes: maxBodyBytes(init.limits) }
    this.#role = role
    this.#messages = messages
    this.#subjects = subjects
    this.#writer = new MessageWriter(messages, subjects)
  }

  /** Nothing is counted: there are no sessions. */
  decode(pieces: Bytes, take: (message: Message) => void): false {
    const frame = pieces.subarray()
    const { subject } = headerOf(frame)
    if (subject === SHUTDOWN) this.#goodbye(take)
    else if (subject === NEGOTIATION) throw unexpected('a second negotiation')
    else this.#message(subject, bodyOf(frame), take)
    return false
  }

  encode(fill: (writer: Writer) => void): Uint8Array | undefined {
    return this.#writer.next(fill)
  }

  /** A client that hears it stays away; those of a server that restarts are to come back, as from any connection that ends without it. */
  disconnect(): Uint8Array | undefined {
    return this.#writer.isRestarting ? undefined : shutdown()
  }

  /** None: a client that is told to stay away would not come back when what was wrong is over. */
  error(): undefined {
    return undefined
  }

  carry(): undefined {
    return undefined
  }

  #goodbye(take: (message: Message) => void): void {
    if (this.#role === 'client') take({ type: 'goaway', code: 'CLOSED', reason: '' })
    take({ type: 'disconnect' })
  }

  /** What we have not defined is for nobody here, as what nobody listens to. */
  #message(subject: string, payload: Uint8Array, take: (message: Message) => void): void {
    const { maxItemBytes } = this.peer
    if (payload.length > maxItemBytes) throw itemTooLarge(payload.length, maxItemBytes, 'a message')
    const name = this.#subjects.nameOf(subject)
    const id = name === undefined ? undefined : this.#messages.table.byName.get(name)?.id
    if (id !== undefined) take({ type: 'message', name: id, headers: undefined, payload })
  }
}

class MessageWriter extends SingleWriter {
  readonly #messages: OwnMessages
  readonly #subjects: Subjects
  #isRestarting = false

  constructor(messages: OwnMessages, subjects: Subjects) {
    super()
    this.#messages = messages
    this.#subjects = subjects
  }

  /** Whether this side goes, and is back soon. */
  get isRestarting(): boolean {
    return this.#isRestarting
  }

  override goaway(code: string): boolean {
    this.#isRestarting = code === 'RESTART'
    return true
  }

  protected override frameOf({ name, payload }: Said<'message'>): Uint8Array {
    const own = this.#messages.table.byId.get(name)?.name ?? ''
    return frameOf(this.#subjects.subjectOf(own), payload.length === 0 ? NOTHING : payload)
  }
}

export function unexpected(what: string): NetQueueError {
  return new NetQueueError('UNEXPECTED_FRAME', `The peer sent ${what}, which does not belong here`)
}
