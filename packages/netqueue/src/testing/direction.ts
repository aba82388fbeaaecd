import type { Env } from '../env/env.ts'
import { toxicsOf } from './toxics.ts'
import type { ChaosToxics, Toxics, Way } from './toxics.ts'

/** What goes one way, of one connection. */
export interface OnTheWay {
  /** What holds for it has changed. */
  wake(): void
}

/** What one direction has let through. */
export interface ChaosCounts {
  readonly bytes: number
  readonly pieces: number
}

/** One direction of everything that shares a fate: its toxics, and what goes that way. */
export class Direction implements ChaosCounts {
  bytes = 0
  pieces = 0
  readonly env: Env
  readonly #way: Way
  readonly #lanes: Set<OnTheWay> = new Set()
  readonly #waiting: (() => void)[] = []
  #toxics: Required<Toxics>
  #isHeld = false

  constructor(env: Env, way: Way, toxics: ChaosToxics) {
    this.env = env
    this.#way = way
    this.#toxics = toxicsOf(toxics, way)
  }

  get toxics(): Required<Toxics> {
    return this.#toxics
  }

  /** Nothing arrives any more, and nobody is told. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  set(toxics: ChaosToxics): void {
    this.#toxics = toxicsOf(toxics, this.#way)
    this.#wake()
  }

  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.#wake()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when something could arrive. */
  released(): Promise<void> {
    return this.#isHeld ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve()
  }

  add(lane: OnTheWay): void {
    this.#lanes.add(lane)
  }

  remove(lane: OnTheWay): void {
    this.#lanes.delete(lane)
  }

  passed(bytes: number): void {
    this.bytes += bytes
    this.pieces += 1
  }

  #wake(): void {
    for (const lane of this.#lanes) lane.wake()
  }
}
