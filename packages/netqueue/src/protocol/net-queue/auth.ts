import { NetQueueError } from '../../errors/errors.ts'
import type { Evidence, Guard, HandshakeStep, Identified } from '../handshake.ts'
import type { Token } from '../token.ts'
import { decodeJson } from './bytes.ts'
import { badMessage } from '../failures.ts'
import { frameOf, frameType, FrameType, unexpected } from './frame-types.ts'
import { isEqual, provenToken, proveToken } from './proof.ts'
import type { Transcript } from './proof.ts'

/** By what the sender of an AUTH shows who it is. */
const AuthMethod = { TOKEN: 1, CREDENTIALS: 2 } as const

const NOTHING = new Uint8Array(0)

/** A frame of type AUTH. */
export function authFrame(method: number, data: Uint8Array = NOTHING): Uint8Array {
  const body = new Uint8Array(1 + data.length)
  body[0] = method
  body.set(data, 1)
  return frameOf(FrameType.AUTH, body)
}

/** A client's side: shows its evidence, and has the server show that it knows the token. */
export class ClientAuth {
  readonly #evidence: Evidence
  readonly #transcript: Transcript

  constructor(evidence: Evidence, transcript: Transcript) {
    this.#evidence = evidence
    this.#transcript = transcript
  }

  frame(): Uint8Array {
    const evidence = this.#evidence
    if ('credentials' in evidence) return authFrame(AuthMethod.CREDENTIALS, evidence.credentials)
    return authFrame(AuthMethod.TOKEN, proveToken(evidence.token, 'client', this.#transcript))
  }

  /** Throws for everything but the server's answer, and `AUTH_FAILED` for a server that does not know the token. */
  check(frame: Uint8Array): void {
    if (frameType(frame) !== FrameType.AUTH) throw unexpected(frameType(frame))
    if (isEqual(frame, this.#answer())) return
    throw new NetQueueError('AUTH_FAILED', 'The server did not prove that it knows the token')
  }

  /** A server that has no such authentication is none that this client wants to talk to. */
  ended(step: HandshakeStep): HandshakeStep {
    const { end } = step
    if (end?.type !== 'error' || end.code !== 'UNEXPECTED_FRAME') return step
    const limit = 'credentials' in this.#evidence ? 'authenticate' : 'token'
    return { send: [], end: { type: 'error', code: 'AUTH_FAILED', limit } }
  }

  #answer(): Uint8Array {
    const evidence = this.#evidence
    if ('credentials' in evidence) return authFrame(AuthMethod.CREDENTIALS)
    return authFrame(AuthMethod.TOKEN, proveToken(evidence.token, 'server', this.#transcript))
  }
}

/** A server's side: one try, and the same answer for whatever is wrong with it. */
export class ServerAuth {
  readonly #guard: Guard
  readonly #id: string
  readonly #transcript: Transcript
  #isDue: boolean
  #identity: unknown

  /** `id`: the one that the client wants. */
  constructor(guard: Guard, id: string, transcript: Transcript) {
    this.#guard = guard
    this.#id = id
    this.#transcript = transcript
    this.#isDue = guard.tokens.length > 0 || guard.identify !== undefined
    this.#identity = guard.identity
  }

  /** Whether the client has yet to show who it is. */
  get isDue(): boolean {
    return this.#isDue
  }

  get identity(): unknown {
    return this.#identity
  }

  /** Takes the data of an AUTH. Throws where none is due. */
  take(data: Uint8Array): HandshakeStep {
    if (!this.#isDue) throw unexpected(FrameType.AUTH)
    this.#isDue = false
    const [method] = data
    if (method === undefined) throw badMessage('an AUTH without a method')
    return method === AuthMethod.TOKEN ? this.#byToken(data.subarray(1)) : this.#byCredentials(data)
  }

  /** The client says WELCOME at once: it may come in all the same, if somebody who is asked says so. */
  withoutEvidence(agree: () => HandshakeStep): HandshakeStep {
    const { tokens, isOptional } = this.#guard
    this.#isDue = false
    if (isOptional) return agree()
    if (tokens.length > 0) throw authRequired('this server wants a token', 'token')
    return this.#ask(undefined, agree, authRequired('nobody knows who the client is', 'authenticate'))
  }

  #byToken(proof: Uint8Array): HandshakeStep {
    const { tokens, identify } = this.#guard
    const token = provenToken(proof, tokens, 'client', this.#transcript)
    if (token === undefined) return this.#failed()
    const answer = (): HandshakeStep => this.#answer(token)
    return identify === undefined ? answer() : this.#ask(undefined, answer)
  }

  #byCredentials(data: Uint8Array): HandshakeStep {
    const { tokens, identify } = this.#guard
    if (data[0] !== AuthMethod.CREDENTIALS) return this.#failed()
    const credentials = decodeJson(data.subarray(1), 'credentials')
    const isWanted = tokens.length === 0 && identify !== undefined
    return isWanted ? this.#ask(credentials, granted) : this.#failed()
  }

  #ask(credentials: unknown, go: () => HandshakeStep, refusal?: NetQueueError): HandshakeStep {
    const found = this.#guard.identify?.(this.#id, credentials) ?? Promise.resolve(undefined)
    return { send: [], later: found.then((identified) => this.#found(identified, go, refusal)) }
  }

  #found(identified: Identified | undefined, go: () => HandshakeStep, refusal?: NetQueueError): HandshakeStep {
    if (identified === undefined) return this.#failed(refusal)
    this.#identity = identified.identity
    return go()
  }

  #answer(token: Token): HandshakeStep {
    return { send: [authFrame(AuthMethod.TOKEN, proveToken(token, 'server', this.#transcript))] }
  }

  #failed(refusal: NetQueueError = authFailed()): HandshakeStep {
    return { send: [], later: this.#guard.failed().then(() => ({ send: [], refusal })) }
  }
}

const granted = (): HandshakeStep => ({ send: [authFrame(AuthMethod.CREDENTIALS)] })

function authFailed(): NetQueueError {
  return new NetQueueError('AUTH_FAILED', 'The client did not show that it may come in')
}

/** `limit`: the option by which the server wants to know. */
export function authRequired(why: string, limit?: 'token' | 'authenticate'): NetQueueError {
  return new NetQueueError('AUTH_REQUIRED', `The client did not say who it is: ${why}`, limit && { limit })
}
