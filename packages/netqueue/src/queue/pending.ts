import type { Env, Timer } from '../env/env.ts'
import { checkMs, checkSignal } from '../errors/check.ts'
import { onAbort } from './on-abort.ts'

/** What every call that waits takes. */
export interface WaitOptions {
  /** Milliseconds until the call gives up. @default Infinity */
  timeout?: number | undefined
  /** Ends the call with the signal's reason. */
  signal?: AbortSignal | undefined
}

export interface PendingInit {
  env: Env
  /** What the caller asked for. It is referred to and not spread: that would cost each call more than all the rest of it. */
  wait?: WaitOptions | undefined
  /** Makes the error of a call whose time is up. */
  timedOut: () => unknown
  /** Makes the error of a call whose signal fired. @default the signal's reason */
  aborted?: (reason: unknown) => unknown
  /** Called when time is up or the signal fires, before the promise rejects: take the call out of its queue here. */
  withdrawn?: () => void
}

/** One call that waits: a promise with its deadline and its signal. However it ends, timer and listener are gone. */
export class Pending<T> {
  readonly promise: Promise<T>
  #resolve!: (value: T) => void
  #reject!: (reason: unknown) => void
  #settled = false
  #timer: Timer | undefined
  readonly #init: PendingInit
  #callOff: (() => void) | undefined

  constructor(init: PendingInit) {
    this.#init = init
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { env, timedOut, wait: { timeout = Number.POSITIVE_INFINITY, signal } = {} } = init
    if (signal?.aborted) {
      this.#refuse()
      return
    }
    if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#withdraw(this.#reason()))
    if (timeout !== Number.POSITIVE_INFINITY) this.#timer = env.setTimer(() => this.#withdraw(timedOut()), timeout)
  }

  get settled(): boolean {
    return this.#settled
  }

  resolve(value: T): void {
    if (this.#end()) this.#resolve(value)
  }

  reject(reason: unknown): void {
    if (this.#end()) this.#reject(reason)
  }

  /** The signal had fired before. Whoever extends this has no fields yet, and stands in no line: {@link withdrawn} is not for that. */
  #refuse(): void {
    const reason = this.#reason()
    this.#settled = true
    this.#init.withdrawn?.()
    this.#reject(reason)
  }

  #reason(): unknown {
    const { wait, aborted } = this.#init
    const reason: unknown = wait?.signal?.reason
    return aborted === undefined ? reason : aborted(reason)
  }

  #withdraw(reason: unknown): void {
    if (!this.#end()) return
    this.withdrawn()
    this.#reject(reason)
  }

  /** Takes the call out of its queue. */
  protected withdrawn(): void {
    this.#init.withdrawn?.()
  }

  #end(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#timer?.cancel()
    this.#callOff?.()
    return true
  }
}

/** Throws for a `timeout` that is no time and for a `signal` that has fired already. */
export function checkWait({ timeout, signal }: WaitOptions): void {
  if (timeout !== undefined) checkMs('timeout', timeout)
  if (signal === undefined) return
  checkSignal('signal', signal)
  signal.throwIfAborted()
}
