import type { Env, Timer } from '../env/env.ts'
import { checkMs } from '../errors/check.ts'

export interface OnDemandOptions {
  /** Milliseconds after which servers are left that nobody uses. @default 5_000 */
  idleMs?: number
}

/** Milliseconds after which servers are left; `undefined`: they are not looked for on demand. */
export function onDemandFrom(option: boolean | OnDemandOptions = false): number | undefined {
  if (option === false) return undefined
  const { idleMs = 5_000 } = option === true ? {} : option
  checkMs('onDemand.idleMs', idleMs)
  return idleMs
}

export interface OnDemandInit {
  env: Env
  idleMs: number
  /** Somebody waits for a server, or for something of one. */
  isUsed: () => boolean
  /** Looks for the servers that were left. */
  begin: () => void
  leave: () => void
}

/** Looks for servers when somebody uses them, and leaves them when nobody has for a while. */
export class OnDemand {
  readonly #init: OnDemandInit
  #timer: Timer | undefined
  /** When something came to an end. */
  #since = 0
  #isOver = false

  constructor(init: OnDemandInit) {
    this.#init = init
  }

  get isUsed(): boolean {
    return this.#init.isUsed()
  }

  /** Somebody uses them. */
  use(): void {
    if (!this.#isOver) this.#init.begin()
  }

  /** Something came to an end: perhaps nobody uses them any more. */
  check(): void {
    const { env, idleMs } = this.#init
    this.#since = env.now()
    if (!this.#isOver && idleMs !== Number.POSITIVE_INFINITY) this.#timer ??= env.setTimer(this.#look, idleMs)
  }

  /** Nothing is looked for any more, nor left. */
  end(): void {
    this.#isOver = true
    this.#timer?.cancel()
  }

  readonly #look = (): void => {
    const { env, idleMs, leave } = this.#init
    const leftMs = this.#since + idleMs - env.now()
    this.#timer = undefined
    if (this.isUsed) return
    if (leftMs <= 0) leave()
    else this.#timer = env.setTimer(this.#look, leftMs)
  }
}
