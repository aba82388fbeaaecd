import type { NetQueueError } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import type { ReceivedMessage } from './subscription.ts'

/** A message as it came. */
export interface Arrived<From> {
  readonly name: string
  readonly headers: Headers
  readonly from: From
  /** Of the payload and the headers. */
  readonly bytes: number
  /** Throws `DECODE_FAILED`. */
  decode(): unknown
}

/** A message that is decoded once, when the first one reads it: what waits takes no more than its bytes, whatever they decode to. */
export class Arrival<From> {
  /** Whether it was tried, and could not be decoded. */
  hasFailed = false
  readonly #failed: (error: NetQueueError, from: From) => void
  #arrived: Arrived<From> | undefined
  #message: ReceivedMessage<From> | undefined

  constructor(arrived: Arrived<From>, failed: (error: NetQueueError, from: From) => void) {
    this.#arrived = arrived
    this.#failed = failed
  }

  /** `undefined` for what cannot be decoded. */
  read(): ReceivedMessage<From> | undefined {
    const arrived = this.#arrived
    this.#arrived = undefined
    if (arrived !== undefined) this.#decode(arrived)
    return this.#message
  }

  #decode(arrived: Arrived<From>): void {
    const { name, headers, from } = arrived
    try {
      this.#message = { name, headers, from, payload: arrived.decode() }
    } catch (error) {
      this.hasFailed = true
      this.#failed(error as NetQueueError, from)
    }
  }
}
