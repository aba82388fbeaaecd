import { NetQueueError } from '../../errors/errors.ts'
import { mismatch, ownMessages, Registry } from '../../message/registry.ts'
import type {
  Admission,
  Applicant,
  ErrorNotice,
  Handshake,
  HandshakeInit,
  HandshakeStep,
  Introduction,
} from '../protocol.ts'
import { badMessage } from './bytes.ts'
import { decodeError, encodeError } from './error-frame.ts'
import { frameData, frameOf, frameType, FrameType } from './frame-types.ts'
import { decodeHello, encodeHello, isHello } from './hello.ts'
import { NativeWire, unexpected } from './native-wire.ts'
import { OriginalWire, statusFrame } from './original-wire.ts'
import { isProof, prove } from './proof.ts'
import type { Transcript } from './proof.ts'
import { checkWelcome, decodeWelcome, encodeWelcome, grantOf, ticketOf } from './welcome.ts'
import type { Agreement, Grant, Resume, Welcome } from './welcome.ts'
import type { Workspace } from './workspace.ts'

const isOriginalType = (type: number): boolean => type >= FrameType.CONN && type <= FrameType.ENQUEUE

/** What a side has that says nothing of messages. */
const NO_MESSAGES = ownMessages({})

/** How a peer may end the introduction at any time, once it has begun. */
function endOf(frame: Uint8Array): HandshakeStep | undefined {
  if (frameType(frame) === FrameType.DISCONN) return { send: [], end: { type: 'disconnect' } }
  if (frameType(frame) === FrameType.ERROR) return { send: [], end: decodeError(frame) }
  return undefined
}

/** The other side's terms; throws for every other frame. */
function welcomeOf(frame: Uint8Array, from: 'client' | 'server'): Welcome {
  if (frameType(frame) !== FrameType.WELCOME) throw unexpected(frameType(frame))
  return decodeWelcome(frameData(frame), from)
}

/** `CODEC_MISMATCH` where the two sides would not read each other's items, `MESSAGES_MISMATCH` where they would not their messages. */
function disagreement(introduction: Introduction, welcome: Welcome): NetQueueError | undefined {
  const { messages = NO_MESSAGES } = introduction
  return codecMismatch(introduction, welcome) ?? mismatch(messages, welcome.announcement)
}

function codecMismatch(introduction: Introduction, welcome: Welcome): NetQueueError | undefined {
  const option = (['item', 'result'] as const).find((name) => introduction[name] !== welcome[name])
  if (option === undefined) return undefined
  const [ours, theirs] = [introduction[option], welcome[option]]
  const message = `Expected the peer's codec for \`${option}\` to be ${JSON.stringify(ours)}, got ${JSON.stringify(theirs)}`
  return new NetQueueError('CODEC_MISMATCH', message, { limit: option, value: theirs })
}

/** Of two sides that do not disagree. */
function agreement({ messages = NO_MESSAGES }: Introduction, welcome: Welcome): Agreement {
  return { ...welcome, registry: new Registry(messages, welcome.announcement) }
}

/** Speaks first, and only to one of us. */
export class ClientHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #introduction: Introduction
  readonly #workspace: Workspace
  /** Data of our CONN. */
  readonly #hello: Uint8Array
  /** The server's id, once it has said hello. */
  #serverId: string | undefined

  /** Throws for an introduction that does not fit. */
  constructor(init: HandshakeInit, workspace: Workspace) {
    this.#init = init
    this.#workspace = workspace
    this.#introduction = init.introduction()
    this.#hello = encodeHello(this.#introduction)
    checkWelcome(this.#introduction, init.limits, 'client')
  }

  start(): Uint8Array[] {
    return [frameOf(FrameType.CONN, this.#hello)]
  }

  take(frame: Uint8Array): HandshakeStep {
    return endOf(frame) ?? (this.#serverId === undefined ? this.#greet(frame) : this.#agree(frame, this.#serverId))
  }

  /** A peer that is no netqueue/1 server does not know ERROR. */
  error(notice: ErrorNotice): Uint8Array {
    return notice.code === 'PROTOCOL_MISMATCH' ? this.disconnect() : encodeError(notice)
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }

  #greet(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type !== FrameType.CONN || !isHello(frameData(frame))) {
      throw new NetQueueError(
        'PROTOCOL_MISMATCH',
        'The server is an original net-queue; connect with `protocol: netQueue()` to talk to it',
      )
    }
    this.#serverId = decodeHello(frameData(frame)).id
    return { send: [frameOf(FrameType.WELCOME, this.#welcome(frameData(frame)))] }
  }

  /** What this side says when the server's CONN had that data. */
  #welcome(server: Uint8Array): Uint8Array {
    const resume = this.#resume({ client: this.#hello, server })
    return encodeWelcome(this.#introduction, this.#init.limits, { resume })
  }

  #resume(transcript: Transcript): Resume | undefined {
    const { claim } = this.#init
    if (claim === undefined) return undefined
    const { ticket, batches } = claim
    return { session: ticket.session, proof: prove(ticket.secret, transcript), batches }
  }

  #agree(frame: Uint8Array, serverId: string): HandshakeStep {
    const { limits, identified } = this.#init
    const welcome = welcomeOf(frame, 'server')
    const refusal = disagreement(this.#introduction, welcome)
    if (refusal !== undefined) return { send: [], refusal }
    const grant = welcome.grant as Grant
    this.#check(grant)
    identified?.(grant.id)
    const ticket = ticketOf(grant)
    if (grant.batches !== undefined) return { send: [], resumed: { batches: grant.batches }, ticket }
    const wire = new NativeWire(agreement(this.#introduction, welcome), serverId, limits, this.#workspace)
    return { send: [], wire, ticket }
  }

  /** Nobody goes on with a session that this client did not name, or does not have. */
  #check({ session, resumed, secret }: Grant): void {
    if (resumed !== true) return
    if (session !== this.#init.claim?.ticket.session) throw badMessage('a WELCOME that resumes another session')
    if (secret === undefined) throw badMessage('a WELCOME that resumes a session and has no secret')
  }
}

/** Listens first, and tells an original from one of us by what its first frame is. */
export class ServerHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #workspace: Workspace
  /** What was said to a client of our kind, and what it said. */
  #greeted: Greeted | undefined
  #isOriginal = false

  constructor(init: HandshakeInit, workspace: Workspace) {
    this.#init = init
    this.#workspace = workspace
  }

  start(): Uint8Array[] {
    return []
  }

  take(frame: Uint8Array): HandshakeStep {
    if (this.#greeted === undefined) return this.#first(frame)
    return endOf(frame) ?? this.#agree(frame, this.#greeted)
  }

  /** An original does not know ERROR. */
  error(notice: ErrorNotice): Uint8Array {
    return this.#isOriginal ? frameOf(FrameType.DISCONN) : encodeError(notice)
  }

  disconnect(): Uint8Array | undefined {
    return this.#greeted === undefined ? undefined : frameOf(FrameType.DISCONN)
  }

  #first(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type === FrameType.CONN && isHello(frameData(frame))) return this.#greet(frame)
    this.#isOriginal = true
    return { send: [], replay: true, wire: new OriginalWire('server', this.#admit({ id: '' }).id, this.#init.limits) }
  }

  #greet(frame: Uint8Array): HandshakeStep {
    const wanted = decodeHello(frameData(frame)).id
    const introduction = this.#init.introduction()
    const hello = encodeHello(introduction)
    // A copy: the frame is a view of what came in.
    this.#greeted = { introduction, wanted, transcript: { client: frameData(frame).slice(), server: hello } }
    return { send: [frameOf(FrameType.CONN, hello)] }
  }

  /**
   * A client whose codecs or messages differ gets our WELCOME all the same, so that both sides can name both; but nothing is done
   * for it.
   */
  #agree(frame: Uint8Array, greeted: Greeted): HandshakeStep {
    const { introduction, wanted } = greeted
    const { limits } = this.#init
    const welcome = welcomeOf(frame, 'client')
    const isReturning = welcome.resume !== undefined
    const refusal = disagreement(introduction, welcome)
    const admission = refusal === undefined ? this.#admit(applicantOf(greeted, welcome)) : { id: wanted }
    const grant = grantOf(introduction, admission, isReturning)
    const send = [frameOf(FrameType.WELCOME, encodeWelcome(introduction, limits, { grant }))]
    if (refusal !== undefined) return { send, refusal }
    const ticket = ticketOf(grant)
    if (admission.resumed !== undefined) return { send, resumed: { batches: welcome.resume?.batches ?? 0 }, ticket }
    const wire = new NativeWire(agreement(introduction, welcome), admission.id, limits, this.#workspace)
    return { send, wire, ticket }
  }

  #admit(applicant: Applicant): Admission {
    return this.#init.admit?.(applicant) ?? applicant
  }
}

interface Greeted {
  introduction: Introduction
  /** The id that the client asked for. */
  wanted: string
  transcript: Transcript
}

function applicantOf({ wanted, transcript }: Greeted, { resume }: Welcome): Applicant {
  if (resume === undefined) return { id: wanted }
  const { session, batches, proof } = resume
  return { id: wanted, resume: { session, batches, proves: ({ secret }) => isProof(proof, secret, transcript) } }
}

/** A client of an original server: CONN, and whatever comes back. An original may send an item before its CONN. */
export class OriginalHandshake implements Handshake {
  readonly #init: HandshakeInit

  constructor(init: HandshakeInit) {
    this.#init = init
  }

  start(): Uint8Array[] {
    return [frameOf(FrameType.CONN)]
  }

  take(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type === FrameType.DISCONN) return { send: [], end: { type: 'disconnect' } }
    const { introduction, identified, limits } = this.#init
    const { id, status } = introduction()
    identified?.(id)
    return {
      send: status === undefined ? [] : [statusFrame(status)],
      replay: true,
      wire: new OriginalWire('client', id, limits),
    }
  }

  error(): Uint8Array {
    return this.disconnect()
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }
}
