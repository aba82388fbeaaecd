import type { Beats } from './tick-loop.ts'

/** Ticks that come when they are told to, for programs that have a main loop of their own, and for tests. */
export function manualTicks(): ManualTicks {
  return new ManualTicks()
}

/** Give it to `ticks` of servers and clients in the place of a rate. */
export class ManualTicks {
  readonly #loops: Set<Steps> = new Set()
  #idle: (() => void)[] = []

  /** Ends a period: each loop that follows gets a tick, one whose body still runs when that is done. */
  tick(): void {
    for (const loop of this.#loops) loop.step()
  }

  /** Resolves when no loop that follows has a tick in hand or due: each asks for the next one, or is over. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#check()
    })
  }

  /** @internal */
  begin(): Beats {
    const loop = new Steps((isOver) => {
      if (isOver) this.#loops.delete(loop)
      this.#check()
    })
    this.#loops.add(loop)
    return loop
  }

  #check(): void {
    for (const { isWaiting } of this.#loops) if (!isWaiting) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** The periods of one loop. */
class Steps implements Beats {
  passed = 0
  readonly #changed: (isOver: boolean) => void
  #callback: (() => void) | undefined

  constructor(changed: (isOver: boolean) => void) {
    this.#changed = changed
  }

  get isWaiting(): boolean {
    return this.#callback !== undefined
  }

  step(): void {
    const callback = this.#callback
    this.#callback = undefined
    this.passed += 1
    callback?.()
  }

  wait(_count: number, callback: () => void): void {
    this.#callback = callback
    this.#changed(false)
  }

  end(): void {
    this.#changed(true)
  }
}
