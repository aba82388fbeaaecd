import type { Env } from '../env/env.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { Waiter } from '../queue/waiter.ts'

export interface StandbyInit {
  env: Env
  /** Calls that may wait at once. */
  maxWaiting: number
  /** The error of one call too many. */
  tooMany: (maxWaiting: number) => Error
}

/** Calls that wait for a connection, in line. */
export class Standby<T> {
  readonly #init: StandbyInit
  readonly #line: LinkedList<Waiter<T>> = new LinkedList()
  #size = 0

  constructor(init: StandbyInit) {
    this.#init = init
  }

  get size(): number {
    return this.#size
  }

  /** Waits until there is something to go on with. Throws where too many wait already. */
  wait(wait: WaitOptions, timedOut: () => Error): Promise<T> {
    const { env, maxWaiting, tooMany } = this.#init
    if (this.#size >= maxWaiting) throw tooMany(maxWaiting)
    this.#size += 1
    const waiter = new Waiter<T>({ env, wait, timedOut, withdrawn: () => (this.#size -= 1) })
    if (!waiter.settled) this.#line.push(waiter)
    return waiter.promise
  }

  /** Lets all go on, in order, as long as there is something to go on with. */
  serve(next: () => T | undefined): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      const value = next()
      if (value === undefined) return
      this.#leave(first)
      first.resolve(value)
    }
  }

  close(error: Error): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      this.#leave(first)
      first.reject(error)
    }
  }

  #leave(waiter: Waiter<T>): void {
    unlink(waiter)
    this.#size -= 1
  }
}
