import type { Admission, Applicant, Handshake, HandshakeInit, HandshakeStep, Introduction } from '../handshake.ts'
import type { ErrorNotice } from '../wire.ts'
import { authRequired, ServerAuth } from './auth.ts'
import type { ByteWriter } from './bytes.ts'
import { encodeError } from './error-frame.ts'
import { frameData, frameOf, frameType, FrameType, unexpected } from './frame-types.ts'
import { agreement, disagreement, endOf, isOriginalType, welcomeOf } from './handshake.ts'
import { decodeHello, encodeHello, isHello } from './hello.ts'
import { NativeWire } from './native-wire.ts'
import { OriginalWire } from './original-wire.ts'
import { isProof } from './proof.ts'
import type { Transcript } from './proof.ts'
import { encodeWelcome, grantOf, ticketOf } from './welcome.ts'
import type { Welcome } from './welcome.ts'

/** Listens first, and tells an original from one of us by what its first frame is. */
export class ServerHandshake implements Handshake {
  readonly #init: HandshakeInit
  /** Where frames are built. */
  readonly #out: ByteWriter
  /** What was said to a client of our kind, and what it said. */
  #greeted: Greeted | undefined
  #auth: ServerAuth | undefined
  #isOriginal = false

  constructor(init: HandshakeInit, out: ByteWriter) {
    this.#init = init
    this.#out = out
  }

  start(): Uint8Array[] {
    return []
  }

  take(frame: Uint8Array): HandshakeStep {
    if (this.#greeted === undefined) return this.#first(frame)
    return endOf(frame) ?? this.#next(frame, this.#greeted)
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
    if (this.#init.guard?.isOptional === false) throw authRequired('an original net-queue client cannot show who it is')
    const { id, denials } = this.#admit({ id: '' })
    return { send: [], replay: true, wire: new OriginalWire('server', id, this.#init.limits, denials) }
  }

  #greet(frame: Uint8Array): HandshakeStep {
    const wanted = decodeHello(frameData(frame)).id
    const introduction = this.#init.introduction()
    const hello = encodeHello(introduction)
    // A copy: the frame is a view of what came in.
    const transcript = { client: frameData(frame).slice(), server: hello }
    const { guard } = this.#init
    this.#greeted = { introduction, wanted, transcript }
    if (guard !== undefined) this.#auth = new ServerAuth(guard, wanted, transcript)
    return { send: [frameOf(FrameType.CONN, hello)] }
  }

  #next(frame: Uint8Array, greeted: Greeted): HandshakeStep {
    if (this.#auth !== undefined && frameType(frame) === FrameType.AUTH) return this.#auth.take(frameData(frame))
    const welcome = welcomeOf(frame, 'client')
    const agree = (): HandshakeStep => this.#agree(welcome, greeted)
    return this.#auth?.isDue === true ? this.#auth.withoutEvidence(agree) : agree()
  }

  /**
   * A client whose codecs or messages differ gets our WELCOME all the same, so that both sides can name both; but nothing is done
   * for it.
   */
  #agree(welcome: Welcome, greeted: Greeted): HandshakeStep {
    const { introduction, wanted } = greeted
    const { limits } = this.#init
    const isReturning = welcome.resume !== undefined
    const refusal = disagreement(introduction, welcome)
    const admission: Admission =
      refusal === undefined ? this.#admit(this.#applicantOf(greeted, welcome)) : { id: wanted }
    const grant = grantOf(introduction, admission, isReturning)
    const send = [frameOf(FrameType.WELCOME, encodeWelcome(introduction, limits, { grant }))]
    if (refusal !== undefined) return { send, refusal }
    const ticket = ticketOf(grant)
    if (admission.resumed !== undefined) return { send, resumed: { batches: welcome.resume?.batches ?? 0 }, ticket }
    const bans = admission.denials && ({ side: 'server', denials: admission.denials } as const)
    const wire = new NativeWire(agreement(introduction, welcome, bans), admission.id, limits, this.#out)
    return { send, wire, ticket }
  }

  #applicantOf({ wanted, transcript }: Greeted, { tags, status, announcement, resume }: Welcome): Applicant {
    const { messages } = announcement
    const applicant = { id: wanted, identity: this.#auth?.identity, tags, status, messages }
    if (resume === undefined) return applicant
    const { session, batches, proof } = resume
    return { ...applicant, resume: { session, batches, proves: ({ secret }) => isProof(proof, secret, transcript) } }
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
