import { LinkedList, unlink } from '../queue/linked-list.ts'
import { Call } from './call.ts'
import { tooManyWaiting } from './failures.ts'
import { laneOf } from './lanes.ts'
import type { Side } from './side.ts'

/** The places for our requests at one peer: those that have one are written, the others wait in line for one. */
export class Admission {
  readonly #side: Side
  readonly #line: LinkedList<Call> = new LinkedList()
  /** Those with a place that the peer has not. */
  #queued = 0
  #waiting = 0
  #taken = 0
  /** Of the payloads of those with a place. */
  #bytes = 0

  constructor(side: Side) {
    this.#side = side
  }

  /** Requests that have a place or wait for one. */
  get size(): number {
    return this.#taken + this.#waiting
  }

  /** Requests that are not written. */
  get unsent(): number {
    return this.#waiting + this.#queued
  }

  /** Throws `QUEUE_FULL` where too many wait. */
  enter(call: Call): void {
    if (this.#line.first === undefined && this.#hasRoom()) return this.#queue(call)
    const { maxWaiting } = this.#side.limits
    if (this.#waiting >= maxWaiting) throw tooManyWaiting(maxWaiting)
    call.state = 'waiting'
    this.#waiting += 1
    this.#line.push(call)
  }

  sent(call: Call): void {
    this.#queued -= 1
    call.state = 'sent'
  }

  /** The request is over, wherever it was: another may take its place. */
  leave(call: Call): void {
    this.#remove(call)
    for (let next = this.#line.first; next !== undefined && this.#hasRoom(); next = this.#line.first) {
      unlink(next)
      this.#waiting -= 1
      this.#queue(next)
    }
  }

  /** Takes out all that are not written: in the order of their calls, within each channel. */
  takeAll(): Call[] {
    const queued = [...this.#side.lanes].filter((mail) => mail instanceof Call)
    const all = [...queued, ...this.#line]
    for (const call of all) this.#remove(call)
    return all
  }

  #hasRoom(): boolean {
    const { count, bytes } = this.#side.maxOpen
    return this.#taken < count && this.#bytes < bytes
  }

  #queue(call: Call): void {
    call.state = 'queued'
    this.#queued += 1
    this.#taken += 1
    this.#bytes += call.bytes
    this.#side.lanes.post(laneOf(call.init.channel), call, call.bytes)
  }

  #remove(call: Call): void {
    const hadPlace = call.state !== 'waiting'
    if (call.state === 'queued') this.#queued -= 1
    unlink(call)
    call.state = 'over'
    if (!hadPlace) {
      this.#waiting -= 1
      return
    }
    this.#taken -= 1
    this.#bytes -= call.bytes
  }
}
