import type { Env, Timer } from '../env/env.ts'
import { checkMs } from '../errors/check.ts'
import type { Uplink } from './uplink.ts'

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
  uplinks: () => readonly Uplink[]
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

  /** Somebody uses them: those that were left, or never looked for, are looked for. */
  use(): void {
    if (this.#isOver) return
    for (const uplink of this.#init.uplinks())
      if (uplink.state === 'idle') uplink.begin({ isPatient: true }).catch(() => {}) // its end tells
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
    const { env, idleMs, uplinks } = this.#init
    const leftMs = this.#since + idleMs - env.now()
    this.#timer = undefined
    if (this.isUsed) return
    if (leftMs > 0) this.#timer = env.setTimer(this.#look, leftMs)
    else for (const uplink of uplinks()) void uplink.rest()
  }
}
