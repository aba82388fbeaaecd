import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { FailedTries } from './failed-tries.ts'
import { isPrivate } from '../transport/origin.ts'
import type { Guard, Identified } from '../protocol/handshake.ts'
import type { Token } from '../protocol/token.ts'
import type { Authenticate } from './server-options.ts'
import type { ByteDuplex } from '../transport/index.ts'

export interface GatekeeperInit {
  env: Env
  tokens: readonly Token[]
  authenticate: Authenticate | undefined
  /** Whether the listener lets nobody pass who has shown no good certificate. */
  hasCertificates: boolean
  /** Whether credentials may come over a way on which others read along. */
  insecure: boolean
  /** Tries of one place that may fail in a minute. */
  maxAuthFailures: number
  warn: (error: NetQueueError) => void
}

interface GuardOptions {
  isTrusted: boolean
}

interface GateInit extends GuardOptions {
  tries: FailedTries
  duplex: ByteDuplex
}

/** A refusal leaves this long after the try began, or twice, three times …: it tells nobody how far a check had got. */
const DELAY_MS = 100

/** Who may come in to one server. */
export class Gatekeeper {
  readonly #init: GatekeeperInit
  readonly #tries: FailedTries

  constructor(init: GatekeeperInit) {
    this.#init = init
    this.#tries = new FailedTries(init.env, init.maxAuthFailures)
  }

  /** Whether a server that anybody can reach knows whom it lets in. */
  get isOnDuty(): boolean {
    const { tokens, authenticate, hasCertificates } = this.#init
    return tokens.length > 0 || authenticate !== undefined || hasCertificates
  }

  /** For one connection; none where everybody may come in. `isTrusted`: whoever is there may, and shows who it is if it likes. */
  guard(duplex: ByteDuplex, { isTrusted }: GuardOptions): Guard | undefined {
    return this.isOnDuty ? new Gate(this.#init, { tries: this.#tries, duplex, isTrusted }) : undefined
  }

  /** Why nobody is let in who comes from there, if so. */
  objection(address: string | undefined): NetQueueError | undefined {
    return this.isOnDuty && this.#tries.isShut(address) ? shut(this.#init.maxAuthFailures) : undefined
  }
}

/** Where one connection is looked at. */
class Gate implements Guard {
  readonly identify: Guard['identify']
  readonly isOptional: boolean
  readonly #init: GatekeeperInit
  readonly #tries: FailedTries
  readonly #duplex: ByteDuplex
  #controller: AbortController | undefined
  #began: number | undefined
  #timer: Timer | undefined
  #release: (() => void) | undefined
  #isClosed = false

  constructor(init: GatekeeperInit, { tries, duplex, isTrusted }: GateInit) {
    this.#init = init
    this.isOptional = isTrusted
    this.#tries = tries
    this.#duplex = duplex
    const { authenticate } = init
    this.identify = authenticate && ((id, credentials) => this.#identify(authenticate, id, credentials))
  }

  get tokens(): readonly Token[] {
    return this.#init.tokens
  }

  get identity(): unknown {
    return this.#duplex.security?.certificate
  }

  failed(): Promise<void> {
    // Who has left learns nothing, and is not waited for.
    if (this.#isClosed) return Promise.resolve()
    const { env, maxAuthFailures, warn } = this.#init
    const passed = env.now() - this.#begin()
    if (this.#tries.add(this.#duplex.remoteAddress)) warn(shut(maxAuthFailures))
    return new Promise((resolve) => {
      this.#release = resolve
      this.#timer = env.setTimer(resolve, DELAY_MS - (passed % DELAY_MS))
    })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#release?.()
    this.#controller?.abort(new NetQueueError('CLOSED', 'The client is not waited for any more'))
  }

  #begin(): number {
    this.#began ??= this.#init.env.now()
    return this.#began
  }

  async #identify(authenticate: Authenticate, id: string, credentials: unknown): Promise<Identified | undefined> {
    const { signal } = (this.#controller = new AbortController())
    const { security, remoteAddress: address } = this.#duplex
    this.#begin()
    try {
      if (credentials !== undefined) this.#checkPrivate()
      const identity = await authenticate({ id, address, credentials, certificate: security?.certificate, signal })
      return identity === undefined || identity === null || identity === false ? undefined : { identity }
    } catch (cause) {
      if (!signal.aborted) this.#init.warn(unidentified(id, cause))
      return undefined
    }
  }

  #checkPrivate(): void {
    if (this.#init.insecure || isPrivate(this.#duplex)) return
    throw new TypeError('Expected credentials over an encrypted connection, for others can read them on this one')
  }
}

function unidentified(id: string, cause: unknown): NetQueueError {
  const message = `\`authenticate\` failed for a client that calls itself ${JSON.stringify(id)}`
  return new NetQueueError('AUTH_FAILED', message, { cause })
}

function shut(maxAuthFailures: number): NetQueueError {
  const message = `${maxAuthFailures} clients from one address failed to show who they are within a minute (maxAuthFailures): those that follow are cut at once`
  return new NetQueueError('AUTH_FAILED', message, { limit: 'maxAuthFailures', value: maxAuthFailures })
}
