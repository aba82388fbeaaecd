import { NetQueueError } from '../../errors/errors.ts'
import type { Handshake, HandshakeInit, HandshakeStep, Introduction } from '../handshake.ts'
import type { ErrorNotice } from '../wire.ts'
import { ClientAuth } from './auth.ts'
import { badMessage } from '../failures.ts'
import type { ByteWriter } from './bytes.ts'
import { encodeError } from './error-frame.ts'
import { frameData, frameOf, frameType, FrameType, unexpected } from './frame-types.ts'
import { agreement, disagreement, endOf, isOriginalType, welcomeOf } from './handshake.ts'
import { decodeHello, encodeHello, isHello } from './hello.ts'
import { NativeWire } from './native-wire.ts'
import { prove } from './proof.ts'
import type { Transcript } from './proof.ts'
import { checkWelcome, encodeWelcome, ticketOf } from './welcome.ts'
import type { Grant, Resume } from './welcome.ts'

/** Speaks first, and only to one of us. */
export class ClientHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #introduction: Introduction
  /** Where frames are built. */
  readonly #out: ByteWriter
  /** Data of our CONN. */
  readonly #hello: Uint8Array
  /** The server's id, once it has said hello. */
  #serverId: string | undefined
  /** What was shown to it, until it has shown the same. */
  #auth: ClientAuth | undefined
  #transcript: Transcript | undefined

  /** Throws for an introduction that does not fit. */
  constructor(init: HandshakeInit, out: ByteWriter) {
    this.#init = init
    this.#out = out
    this.#introduction = init.introduction()
    this.#hello = encodeHello(this.#introduction)
    checkWelcome(this.#introduction, init.limits, 'client')
  }

  start(): Uint8Array[] {
    return [frameOf(FrameType.CONN, this.#hello)]
  }

  take(frame: Uint8Array): HandshakeStep {
    if (this.#auth !== undefined) return this.#authenticated(frame, this.#auth)
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
    if (this.#introduction.isRelay === true && this.#serverId === this.#introduction.id) throw ownParent(this.#serverId)
    const transcript = { client: this.#hello, server: frameData(frame).slice() }
    const { evidence } = this.#init
    if (evidence === undefined) return this.#welcome(transcript)
    this.#transcript = transcript
    this.#auth = new ClientAuth(evidence(), transcript)
    return { send: [this.#auth.frame()] }
  }

  /** The server shows that it knows the token, too, or gives up. */
  #authenticated(frame: Uint8Array, auth: ClientAuth): HandshakeStep {
    const end = endOf(frame)
    if (end !== undefined) return auth.ended(end)
    auth.check(frame)
    this.#auth = undefined
    return this.#welcome(this.#transcript as Transcript)
  }

  #welcome(transcript: Transcript): HandshakeStep {
    const resume = this.#resume(transcript)
    return { send: [frameOf(FrameType.WELCOME, encodeWelcome(this.#introduction, this.#init.limits, { resume }))] }
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
    const bans = grant.denials && ({ side: 'client', denials: grant.denials } as const)
    const wire = new NativeWire(agreement(this.#introduction, welcome, bans), serverId, limits, this.#out)
    return { send: [], wire, ticket }
  }

  /** Nobody goes on with a session that this client did not name, or does not have. */
  #check({ session, resumed, secret }: Grant): void {
    if (resumed !== true) return
    if (session !== this.#init.claim?.ticket.session) throw badMessage('a WELCOME that resumes another session')
    if (secret === undefined) throw badMessage('a WELCOME that resumes a session and has no secret')
  }
}

function ownParent(value: string): NetQueueError {
  return new NetQueueError('LOOP', 'The parent of the relay is itself, or has its id: items would go round', { value })
}
