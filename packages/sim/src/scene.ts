import { codeOf } from './code-of.ts'
import { noCounts } from './counts.ts'
import type { Counts } from './counts.ts'
import type { Invariant } from './invariants.ts'
import { ProcessEnv } from './process-env.ts'
import type { Random } from './random.ts'
import type { Process, Schedule } from './schedule.ts'
import type { Trace } from './trace.ts'

export interface Violation {
  invariant: Invariant
  message: string
  at: number
}

export interface SceneInit {
  random: Random
  schedule: Schedule
  trace: Trace
}

/** What every simulated world has, whoever lives in it: its time, its chance, its trace, and what was violated. */
export class Scene {
  readonly random: Random
  readonly schedule: Schedule
  readonly trace: Trace
  readonly counts: Counts = noCounts()
  /** Faults are over: everybody behaves, and everything must come to its end. */
  isCalm = false
  violation: Violation | undefined
  readonly #calls: Map<object, { name: string; process: Process }> = new Map()

  constructor({ random, schedule, trace }: SceneInit) {
    this.random = random
    this.schedule = schedule
    this.trace = trace
  }

  env(process: Process): ProcessEnv {
    return new ProcessEnv(this.schedule, process, this.random.fork())
  }

  note(what: string): void {
    this.trace.add(this.schedule.now, what)
  }

  violate(invariant: Invariant, message: string): void {
    this.note(`VIOLATED ${invariant}: ${message}`)
    this.violation ??= { invariant, message, at: this.schedule.now }
  }

  check(isTrue: boolean, invariant: Invariant, message: string): void {
    if (!isTrue) this.violate(invariant, message)
  }

  /** Waits, in a process's own time. */
  sleep(process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => void this.schedule.after(ms, process, resolve))
  }

  /** A signal that fires soon. */
  abortSoon(process: Process, ms: number): AbortSignal {
    const controller = new AbortController()
    this.schedule.after(ms, process, () => controller.abort(new Error('aborted by the simulator')))
    return controller.signal
  }

  /** Follows a call: it must settle while its process lives. */
  track<T>(process: Process, name: string, call: Promise<T>): Promise<T> {
    const ticket = {}
    this.#calls.set(ticket, { name, process })
    const over = (how: string): void => {
      this.note(`${process.name} ${name} ${how}`)
      this.#calls.delete(ticket)
    }
    call.then(
      () => over('resolved'),
      (error: unknown) => over(`rejected ${codeOf(error)}`),
    )
    return call
  }

  get openCalls(): string[] {
    return [...this.#calls.values()]
      .filter(({ process }) => !process.isDead)
      .map(({ name, process }) => `${process.name} ${name}`)
  }

  /** No timer may be left at those who were closed. */
  checkTimers(processes: readonly Process[]): void {
    for (const { name, timers, isDead } of processes)
      this.check(isDead || timers.size === 0, 'P12', `${timers.size} timers are left at ${name} after it was closed`)
  }
}
