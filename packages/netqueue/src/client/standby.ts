import { Asker } from '../dispatch/asker.ts'
import type { Question } from '../dispatch/asker.ts'
import type { Env } from '../env/env.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import type { WaitOptions } from '../queue/pending.ts'

export interface StandbyInit {
  env: Env
  /** Calls that may wait at once. */
  maxWaiting: number
  /** The error of one call too many. */
  tooMany: (maxWaiting: number) => Error
}

/** One that knows its place in line. */
export interface Standing<W, R = unknown> extends Question<W, R> {
  /** Of two, the one with the lower ordinal was made first. */
  readonly ordinal: number
}

/** Calls that wait for somebody who takes any of them: in the order in which they were made, also those that come back. */
export class Standby<W> {
  readonly #init: StandbyInit
  readonly #line: LinkedList<Asker<W, Standing<W>>> = new LinkedList()
  #size = 0

  constructor(init: StandbyInit) {
    this.#init = init
  }

  get size(): number {
    return this.#size
  }

  /** Has it asked as soon as there is somebody, and gives what comes of it. Throws where too many wait already. */
  wait<R>(question: Standing<W, R>, wait: WaitOptions, timedOut: () => Error): Promise<Awaited<R>> {
    const { env, maxWaiting, tooMany } = this.#init
    if (this.#size >= maxWaiting) throw tooMany(maxWaiting)
    this.#size += 1
    const asker = new Asker<W, Standing<W>>(question, {
      env,
      wait,
      timedOut,
      withdrawn: () => (this.#size -= 1),
    })
    if (!asker.settled) this.#enter(asker)
    return asker.promise as Promise<Awaited<R>>
  }

  /** Has all asked, in order, as long as there is somebody. */
  serve(next: () => W | undefined): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      const whom = next()
      if (whom === undefined) return
      this.#leave(first)
      first.begin(whom)
    }
  }

  close(error: Error): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      this.#leave(first)
      first.reject(error)
    }
  }

  /** From the end: most are new, and those that come back are few, with the newest of them last. */
  #enter(asker: Asker<W, Standing<W>>): void {
    const younger = []
    for (let { last } = this.#line; last !== undefined; last = this.#line.last) {
      if (last.question.ordinal < asker.question.ordinal) break
      unlink(last)
      younger.push(last)
    }
    this.#line.push(asker)
    for (const each of younger.toReversed()) this.#line.push(each)
  }

  #leave(asker: Asker<W, Standing<W>>): void {
    unlink(asker)
    this.#size -= 1
  }
}
