import { setImmediate } from 'node:timers'
import type { Random } from './random.ts'

/** One simulated process. Events of a dead one never run; those of a paused one run when it goes on. */
export interface Process {
  readonly name: string
  isDead: boolean
  pausedUntil: number
  /** Timers that are set: none may be left when everything was closed. */
  readonly timers: Set<unknown>
}

export function newProcess(name: string): Process {
  return { name, isDead: false, pausedUntil: 0, timers: new Set() }
}

export interface Event {
  at: number
  /** Drawn from the seed: decides between events of the same time. */
  tie: number
  order: number
  process: Process
  run: (() => void) | undefined
}

/** Callbacks after a turn may ask for another turn, but not for ever. */
const MAX_ROUNDS = 10_000

/**
 * Lets every promise and tick that is due run, and nothing else: the host has no timers and no I/O in a simulation. By a turn of its event
 * loop, as it tells of rejections that nobody handles only when no tick is left.
 */
const drain = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Virtual time: a heap of events, one of which runs at a time, with all that follows from it. */
export class Schedule {
  now = 0
  /** Events that have run. */
  ran = 0
  /** The same when the present instant began: what is due at one time may be written behind all of it. */
  ranBefore = 0
  readonly #random: Random
  readonly #heap: Event[] = []
  readonly #turns: { process: Process; run: () => void }[] = []
  #order = 0

  constructor(random: Random) {
    this.#random = random
  }

  after(ms: number, process: Process, run: () => void): Event {
    return this.#push({ at: this.now + Math.max(0, ms), tie: this.#random.next(), order: 0, process, run })
  }

  /** Behind all that is due at this time. */
  last(process: Process, run: () => void): void {
    this.#push({ at: this.now, tie: 1, order: 0, process, run })
  }

  afterTurn(process: Process, run: () => void): void {
    this.#turns.push({ process, run })
  }

  /** Runs until nothing is left, `isOver`, or the time `end`; `isOver` is asked after each event. */
  async run(end: number, isOver: () => boolean): Promise<void> {
    await this.#settle()
    while (!isOver()) {
      const event = this.#heap[0]
      if (event === undefined || event.at > end) return
      this.#pop()
      const { process, run } = event
      if (run === undefined || process.isDead) continue
      if (process.pausedUntil > event.at) {
        event.at = process.pausedUntil
        this.#push(event)
        continue
      }
      if (event.at > this.now) this.ranBefore = this.ran + 1
      this.now = Math.max(this.now, event.at)
      this.ran += 1
      event.run = undefined
      run()
      await this.#settle()
    }
  }

  async #settle(): Promise<void> {
    await drain()
    for (let rounds = 0; this.#turns.length > 0; rounds += 1) {
      if (rounds > MAX_ROUNDS) throw new Error('A turn of the event loop never ended')
      for (const { process, run } of this.#turns.splice(0)) if (!process.isDead) run()
      await drain()
    }
  }

  #push(event: Event): Event {
    this.#order += 1
    event.order = this.#order
    const heap = this.#heap
    heap.push(event)
    let index = heap.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, heap[parent] as Event)) break
      heap[index] = heap[parent] as Event
      index = parent
    }
    heap[index] = event
    return event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1
      if (!isBefore(heap[child] as Event, last)) break
      heap[index] = heap[child] as Event
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  if (a.at !== b.at) return a.at < b.at
  return a.tie === b.tie ? a.order < b.order : a.tie < b.tie
}
