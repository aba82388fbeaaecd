import { checkInteger, checkOneOf } from '../errors/check.ts'
import { checkWait } from '../queue/pending.ts'
import type { Headers } from '../message/headers.ts'
import { onAbort } from '../queue/on-abort.ts'
import { Ring } from '../queue/ring.ts'
import { busy } from './failures.ts'
import type { RequestLimits } from './limits.ts'

/** A one-way message that came. */
export interface ReceivedMessage<From = unknown, Payload = unknown> {
  readonly name: string
  /** Those who subscribe to one name share it. */
  readonly payload: Payload
  /** What came beside it; empty where nothing did. */
  readonly headers: Headers
  readonly from: From
}

/** What a subscriber that is behind loses. */
export type Loss = 'newest' | 'oldest'

const LOSSES: readonly Loss[] = ['newest', 'oldest']

export interface SubscribeOptions {
  /** Messages that may wait for this loop. @default maxUnreadMessages */
  capacity?: number | undefined
  /** What is dropped when that many wait, or too many bytes: what came last, or what came first. @default 'newest' */
  drop?: Loss | undefined
  /** Ends the loop with the signal's reason; what waits is dropped. */
  signal?: AbortSignal | undefined
}

export interface SubscriptionInit extends SubscribeOptions {
  limits: Pick<RequestLimits, 'maxUnreadMessages' | 'maxUnreadBytes'>
  /** A message was dropped, the first since the reader had seen all. */
  dropping: () => void
  /** No more messages are wanted. */
  over: () => void
}

type Result<From> = IteratorResult<ReceivedMessage<From>, undefined>

interface Reader<From> {
  resolve: (result: Result<From>) => void
  reject: (reason: unknown) => void
}

const DONE: Result<never> = { done: true, value: undefined }

/** Messages of one name, for one loop. What waits is bounded: a loop that is behind loses messages, and can see how many. */
export class Subscription<From = unknown> implements AsyncIterableIterator<ReceivedMessage<From>, undefined> {
  readonly #init: SubscriptionInit
  readonly #capacity: number
  readonly #drop: Loss
  readonly #waiting: Ring<{ message: ReceivedMessage<From>; bytes: number }> = new Ring()
  #callOff: (() => void) | undefined
  #bytes = 0
  #dropped = 0
  #isBehind = false
  #isOpen = true
  #reader: Reader<From> | undefined
  /** The signal's reason, which the reader has yet to hear. */
  #failure: { reason: unknown } | undefined

  /** @internal */
  constructor(init: SubscriptionInit) {
    const { capacity = init.limits.maxUnreadMessages, drop = 'newest', signal } = init
    checkInteger('capacity', capacity, 1)
    checkOneOf('drop', drop, LOSSES)
    checkWait({ signal })
    this.#init = init
    this.#capacity = capacity
    this.#drop = drop
    if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#abort(signal.reason))
  }

  /** Messages that were lost so far because too many waited already. */
  get dropped(): number {
    return this.#dropped
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result<From>> {
    if (this.#reader !== undefined) return Promise.reject(busy())
    if (this.#waiting.size > 0) return Promise.resolve({ done: false, value: this.#shift() })
    if (this.#failure !== undefined) return this.#fail(this.#failure.reason)
    if (!this.#isOpen) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }))
  }

  /** Ends the loop; what waits is dropped. */
  return(): Promise<Result<From>> {
    this.#discard()
    this.#takeReader()?.resolve(DONE)
    return Promise.resolve(DONE)
  }

  /** @internal */
  push(message: ReceivedMessage<From>, bytes: number): void {
    if (!this.#isOpen) return
    const reader = this.#takeReader()
    if (reader !== undefined) return reader.resolve({ done: false, value: message })
    const wasFull = this.#isFull
    while (this.#isFull && this.#drop === 'oldest') this.#lose()
    if (!this.#isFull) this.#add(message, bytes)
    else this.#dropped += 1
    if (wasFull) this.#report()
  }

  /** @internal No more messages come; what waits can still be read. */
  end(): void {
    this.#close()
    this.#takeReader()?.resolve(DONE)
  }

  get #isFull(): boolean {
    return this.#waiting.size >= this.#capacity || this.#bytes >= this.#init.limits.maxUnreadBytes
  }

  #add(message: ReceivedMessage<From>, bytes: number): void {
    this.#waiting.push({ message, bytes })
    this.#bytes += bytes
  }

  #lose(): void {
    this.#bytes -= this.#waiting.shift()?.bytes ?? 0
    this.#dropped += 1
  }

  #shift(): ReceivedMessage<From> {
    const { message, bytes } = this.#waiting.shift() as { message: ReceivedMessage<From>; bytes: number }
    this.#bytes -= bytes
    if (this.#waiting.size === 0) this.#isBehind = false
    return message
  }

  #report(): void {
    if (this.#isBehind) return
    // First, for whoever hears of it may bring the next one here.
    this.#isBehind = true
    this.#init.dropping()
  }

  #abort(reason: unknown): void {
    const reader = this.#reader
    this.#discard()
    this.#reader = undefined
    if (reader === undefined) this.#failure = { reason }
    else reader.reject(reason)
  }

  #fail(reason: unknown): Promise<never> {
    this.#failure = undefined
    return Promise.reject(reason)
  }

  #discard(): void {
    this.#waiting.clear()
    this.#bytes = 0
    this.#failure = undefined
    this.#close()
  }

  #close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#callOff?.()
    this.#init.over()
  }

  #takeReader(): Reader<From> | undefined {
    const reader = this.#reader
    this.#reader = undefined
    return reader
  }
}
