import type { NetQueueError } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import type { ReceivedMessage } from './subscription.ts'

/** A message as it came, but for its payload. */
export interface Arrived<From> {
  readonly name: string
  readonly headers: Headers
  readonly from: From
  /** Of the payload and the headers. */
  readonly bytes: number
  /** Throws `DECODE_FAILED`. */
  decode(payload: Uint8Array): unknown
  /** It cannot be decoded, as was found out now or by whoever read it later. Said once; must not throw. */
  undecodable(): void
}

/**
 * A message for several. Those who take it now share what it decodes to; what waits is decoded when it is read, by each for itself: it must
 * take no more than its bytes, whatever they decode to.
 */
export class Arrival<From> {
  readonly #arrived: Arrived<From>
  readonly #warn: (error: NetQueueError, from: From) => void
  #hasFailed = false
  /** While it is handed out. */
  #payload: Uint8Array | undefined
  #message: ReceivedMessage<From> | undefined

  constructor(arrived: Arrived<From>, payload: Uint8Array, warn: (error: NetQueueError, from: From) => void) {
    this.#arrived = arrived
    this.#payload = payload
    this.#warn = warn
  }

  /** `payload` is what came, or a copy; `undefined` for what cannot be decoded. */
  read(payload: Uint8Array): ReceivedMessage<From> | undefined {
    if (this.#hasFailed) return undefined
    if (payload !== this.#payload) return this.#decode(payload)
    this.#message ??= this.#decode(payload)
    return this.#message
  }

  /** Everybody has it, or waits with a copy: nothing of it is kept here. */
  handedOut(): void {
    this.#payload = undefined
    this.#message = undefined
  }

  #decode(payload: Uint8Array): ReceivedMessage<From> | undefined {
    const { name, headers, from } = this.#arrived
    try {
      return { name, headers, from, payload: this.#arrived.decode(payload) }
    } catch (error) {
      this.#hasFailed = true
      this.#arrived.undecodable()
      this.#warn(error as NetQueueError, from)
      return undefined
    }
  }
}
