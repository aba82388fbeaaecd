import { checkFunction, checkString } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { callListener, listenerFailed } from '../events/listener.ts'
import type { Listener } from '../events/listener.ts'
import { Shelf } from '../protocol/payloads.ts'
import { LossyStream } from '../queue/lossy-stream.ts'
import { checkWait } from '../queue/pending.ts'
import { Arrival } from './arrival.ts'
import type { Arrived } from './arrival.ts'
import type { RequestLimits } from './limits.ts'
import type { Kept, ReceivedMessage, SubscribeOptions, Subscription } from './subscription.ts'

export interface SubscriptionsInit<From> {
  limits: Pick<RequestLimits, 'maxUnreadMessages' | 'maxUnreadBytes'>
  /** Something that `from` sent is wrong, or nobody's in particular. */
  warn: (error: NetQueueError, from?: From) => void
}

/** Whoever wants the messages of one name. */
interface Taker<From> {
  push(arrival: Arrival<From>, payload: Uint8Array, bytes: number): void
}

/** Who wants which one-way messages, at one client or server: all its connections bring theirs here. */
export class Subscriptions<From = unknown> {
  readonly #init: SubscriptionsInit<From>
  /** The lists are not changed but replaced, so that those who come by a message do not get it. */
  readonly #takers: Map<string, readonly Taker<From>[]> = new Map()
  readonly #loops: Set<Subscription<From>> = new Set()
  #isClosed = false

  constructor(init: SubscriptionsInit<From>) {
    this.#init = init
  }

  /** The messages of one name from now on. */
  subscribe(name: string, options: SubscribeOptions = {}): Subscription<From> {
    checkString('name', name)
    const { limits, warn } = this.#init
    const { capacity = limits.maxUnreadMessages, drop = 'oldest', signal } = options
    checkWait({ signal })
    // Its own: were it shared with loops that are read sooner, what waits here would keep what they had in between.
    const shelf = new Shelf()
    const loop: Subscription<From> = new LossyStream<ReceivedMessage<From>, Kept<From>>({
      read: ({ arrival, payload }) => arrival.read(payload),
      keep: (kept) => (kept.payload = shelf.copy(kept.payload)),
      capacity,
      maxBytes: limits.maxUnreadBytes,
      drop,
      signal,
      behind: () => warn(dropping(name)),
      over: () => {
        this.#loops.delete(loop)
        this.#remove(name, taker)
      },
    })
    const taker: Taker<From> = { push: (arrival, payload, bytes) => loop.push({ arrival, payload }, bytes) }
    this.#loops.add(loop)
    this.#add(name, taker)
    loop.begin()
    if (this.#isClosed) loop.end()
    return loop
  }

  /** Returns the function that takes the listener away. */
  on(name: string, listener: Listener<ReceivedMessage<From>>): () => void {
    checkString('name', name)
    checkFunction('listener', listener)
    const failed = (cause: unknown, { from }: ReceivedMessage<From>): void =>
      this.#init.warn(listenerFailed(name, cause), from)
    // Its own object: whoever added the same function once more keeps it when this one is taken away.
    const taker: Taker<From> = {
      push: (arrival, payload) => {
        const message = arrival.read(payload)
        if (message !== undefined) callListener(listener, message, failed)
      },
    }
    this.#add(name, taker)
    return () => this.#remove(name, taker)
  }

  /**
   * Gives a message to all who want it; for nobody it is not even decoded. One that cannot be decoded is dropped.
   * The payload may be in memory that it shares with others: what waits is copied out of it.
   */
  deliver(arrived: Arrived<From>, payload: Uint8Array): void {
    const takers = this.#takers.get(arrived.name)
    if (takers === undefined) return
    const arrival = new Arrival(arrived, payload, this.#init.warn)
    for (const taker of takers) taker.push(arrival, payload, arrived.bytes)
    arrival.handedOut()
  }

  /** No more messages come: loops end when what waits was read. */
  close(): void {
    this.#isClosed = true
    for (const loop of this.#loops) loop.end()
  }

  #add(name: string, taker: Taker<From>): void {
    this.#takers.set(name, [...(this.#takers.get(name) ?? []), taker])
  }

  #remove(name: string, taker: Taker<From>): void {
    const left = this.#takers.get(name)?.filter((other) => other !== taker) ?? []
    if (left.length > 0) this.#takers.set(name, left)
    else this.#takers.delete(name)
  }
}

function dropping(name: string): NetQueueError {
  const message = `A loop over ${JSON.stringify(name)} messages is behind, and loses some (maxUnreadMessages, maxUnreadBytes)`
  return new NetQueueError('MESSAGE_DROPPED', message, { limit: 'maxUnreadMessages', value: name })
}
