import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { Addresses } from './addresses.ts'
import { Attempt } from './attempt.ts'
import { BackOff, reconnectDefaults } from './back-off.ts'
import type { Reconnect } from './back-off.ts'
import { clientClosed, coded, exhausted } from './failures.ts'
import { pause } from './pause.ts'
import { isPermanent } from './permanent.ts'
import { States } from './states.ts'
import type { ClientState, ClientStateChange } from './states.ts'

export interface LifeInit {
  env: Env
  /** Where the server is, for people. Several: one that can be reached, in this order from the one that was. */
  addresses: readonly string[]
  connectTimeoutMs: number
  /** `undefined`: what is lost stays lost. */
  reconnect: Reconnect | undefined
  /** Whether there is a way more than once. */
  isRepeatable: boolean
  /** Begins a connection to one of the addresses; tells the attempt when both sides know each other, or why they do not. */
  open: (attempt: Attempt, address: string) => Promise<void>
  entered: (change: ClientStateChange) => void
  /** Nothing is looked for any more. */
  gaveUp: (error: NetQueueError) => void
}

export interface BeginOptions {
  /** Goes on looking as after a loss, rather than to fail with the first attempt. */
  isPatient: boolean
  /** Called when each address has had its first attempt, in vain. */
  missed?: (error: unknown) => void
}

interface Search {
  state: 'connecting' | 'reconnecting'
  /** Why it is looked for. */
  why: NetQueueError | undefined
  attempts: number
  /** What comes of it when all of them were in vain. */
  failure: (cause: unknown, attempts: number) => unknown
  missed?: ((error: unknown) => void) | undefined
}

/** One client's way with one server: connected, lost, looked for and found again, and the end. */
export class Life {
  readonly #init: LifeInit
  readonly #states: States
  readonly #reconnect: Reconnect
  readonly #backOff: BackOff
  readonly #stop: AbortController = new AbortController()
  readonly #addresses: Addresses
  /** The connection before this one did not last. */
  #wasDropped = false

  constructor(init: LifeInit) {
    this.#init = init
    this.#reconnect = init.reconnect ?? reconnectDefaults
    this.#backOff = new BackOff(init.env, this.#reconnect)
    this.#addresses = new Addresses(init.addresses)
    this.#states = new States(this.address, init.entered)
  }

  /** Where the server is that it has, or looks for now. */
  get address(): string {
    return this.#addresses.present
  }

  get now(): ClientStateChange {
    return this.#states.now
  }

  get state(): ClientState {
    return this.#states.now.state
  }

  /** Whether it is over, or about to be. */
  get isEnding(): boolean {
    return this.state === 'closing' || this.state === 'closed' || this.state === 'failed'
  }

  /** Looks for the first connection. Rejects with why there is none; with `CLOSED` when it was closed first. */
  begin({ isPatient, missed }: BeginOptions): Promise<void> {
    const { addresses } = this.#init
    return this.#search({
      state: 'connecting',
      why: undefined,
      attempts: isPatient ? this.#reconnect.attempts : addresses.length,
      failure: (cause, attempts) => (isPatient ? exhausted(addresses, attempts, cause) : cause),
      missed,
    })
  }

  /** Both sides know each other. */
  opened({ resumed }: { resumed: boolean }): void {
    this.#backOff.connected()
    this.#states.enter({ state: 'connected', address: this.address, resumed })
  }

  /** Whether it is connected, and would look for the server again. */
  get comesBack(): boolean {
    return this.state === 'connected' && this.#init.isRepeatable && this.#init.reconnect !== undefined
  }

  /** Whether it would look for another one that stands in for the server, which has closed. */
  get goesOn(): boolean {
    return this.comesBack && this.#addresses.hasOther
  }

  /** The server has closed: it is not looked for again, unless another one is lost. */
  dismissed(): void {
    this.#addresses.end()
  }

  get isDismissed(): boolean {
    return this.#addresses.hasEnded
  }

  /** Whether a connection that ends in this way is looked for again, here or at another address. `CLOSED`: it was ended here. */
  returnsAfter(error: NetQueueError): boolean {
    return this.comesBack && error.code !== 'CLOSED' && (!isPermanent(error) || this.#addresses.hasOther)
  }

  /** The connection is gone, and another one is looked for. */
  lost(why: NetQueueError): void {
    const { addresses, gaveUp } = this.#init
    this.#turn(why)
    this.#search({
      state: 'reconnecting',
      why,
      attempts: this.#reconnect.attempts,
      failure: (cause, attempts) => exhausted(addresses, attempts, cause),
    }).catch((reason: unknown) => {
      if (!this.isEnding) gaveUp(coded(reason))
    })
  }

  /** Nobody needs the server: it is looked for by {@link begin}, if ever. */
  rest(): void {
    this.#addresses.renew()
    this.#states.enter({ state: 'idle', address: this.address })
  }

  /** Looks for nothing any more. */
  close(): void {
    if (this.isEnding) return
    this.#states.enter({ state: 'closing', address: this.address })
    this.#stop.abort(clientClosed())
  }

  /** It is over; no error where that was asked for. */
  end(error: NetQueueError | undefined): void {
    const { address } = this
    if (error === undefined) this.close()
    this.#stop.abort(error)
    this.#states.enter(error === undefined ? { state: 'closed', address } : { state: 'failed', address, error })
  }

  /** Where to begin to look. A server that drops what it takes, again and again, is left for the next one. */
  #turn(why: NetQueueError): void {
    if (isPermanent(why)) this.#addresses.end()
    const wasDropped = !this.#addresses.hasEnded && !this.#backOff.hasLasted
    const isRepelled = wasDropped && this.#wasDropped
    this.#wasDropped = wasDropped && !isRepelled
    if (!this.#addresses.hasEnded || !this.#addresses.hasOther) this.#addresses.renew()
    if (isRepelled || this.#addresses.hasEnded) this.#addresses.next()
  }

  async #search({ state, why, attempts, failure, missed }: Search): Promise<void> {
    let error = why
    let isDelayed = state === 'reconnecting'
    for (let attempt = 1; ; attempt += 1) {
      const delayMs = isDelayed ? this.#backOff.next() : 0
      this.#states.enter({ state, address: this.address, attempt, delayMs, ...(error !== undefined && { error }) })
      if (delayMs > 0) await pause(this.#init.env, delayMs, this.#stop.signal)
      try {
        return await this.#try()
      } catch (reason) {
        if (isPermanent(reason)) this.#addresses.end()
        const isLast = this.#addresses.hasEnded && !this.#addresses.hasOther
        if (this.#stop.signal.aborted || isLast || !this.#init.isRepeatable) throw reason
        isDelayed = this.#addresses.next()
        if (attempt === this.#addresses.count) missed?.(reason)
        if (attempt >= attempts) throw failure(reason, attempts)
        error = coded(reason)
      }
    }
  }

  #try(): Promise<void> {
    const { env, connectTimeoutMs, open } = this.#init
    const { address } = this
    const attempt = new Attempt({ env, name: address, connectTimeoutMs, signal: this.#stop.signal })
    return attempt.run(() => open(attempt, address))
  }
}
