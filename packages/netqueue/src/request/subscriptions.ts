import { checkFunction, checkString } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Listener } from '../events/emitter.ts'
import { LossyStream } from '../queue/lossy-stream.ts'
import { checkWait } from '../queue/pending.ts'
import { Arrival } from './arrival.ts'
import type { Arrived } from './arrival.ts'
import type { RequestLimits } from './limits.ts'
import type { ReceivedMessage, SubscribeOptions, Subscription } from './subscription.ts'

export interface SubscriptionsInit<From> {
  limits: Pick<RequestLimits, 'maxUnreadMessages' | 'maxUnreadBytes'>
  /** Something that `from` sent is wrong, or nobody's in particular. */
  warn: (error: NetQueueError, from?: From) => void
}

/** Whoever wants the messages of one name. */
interface Taker<From> {
  push(arrival: Arrival<From>, bytes: number): void
}

/** Who wants which one-way messages, at one client or server: all its connections bring theirs here. */
export class Subscriptions<From = unknown> {
  readonly #init: SubscriptionsInit<From>
  /** The lists are not changed but replaced, so that those who come by a message do not get it. */
  readonly #takers: Map<string, readonly Taker<From>[]> = new Map()
  readonly #loops: Set<Subscription<From>> = new Set()
  #isClosed = false
  #unheard = 0

  constructor(init: SubscriptionsInit<From>) {
    this.#init = init
  }

  /** Messages that came when nobody wanted them. */
  get unheard(): number {
    return this.#unheard
  }

  /** The messages of one name from now on. */
  subscribe(name: string, options: SubscribeOptions = {}): Subscription<From> {
    checkString('name', name)
    const { limits, warn } = this.#init
    const { capacity = limits.maxUnreadMessages, drop = 'newest', signal } = options
    checkWait({ signal })
    const loop: Subscription<From> = new LossyStream<ReceivedMessage<From>, Arrival<From>>({
      read: (arrival) => arrival.read(),
      capacity,
      maxBytes: limits.maxUnreadBytes,
      drop,
      signal,
      behind: () => warn(dropping(name)),
      over: () => {
        this.#loops.delete(loop)
        this.#remove(name, loop)
      },
    })
    this.#loops.add(loop)
    this.#add(name, loop)
    loop.begin()
    if (this.#isClosed) loop.end()
    return loop
  }

  /** Returns the function that takes the listener away. A listener that throws disturbs nobody: its error goes to the host. */
  on(name: string, listener: Listener<ReceivedMessage<From>>): () => void {
    checkString('name', name)
    checkFunction('listener', listener)
    // Its own object: whoever added the same function once more keeps it when this one is taken away.
    const taker = { push: (arrival: Arrival<From>) => call(listener, arrival.read()) }
    this.#add(name, taker)
    return () => this.#remove(name, taker)
  }

  /**
   * Gives a message to all who want it: decoded once, and for nobody not at all. One that cannot be decoded is dropped; `false` where that
   * is known already.
   */
  deliver(arrived: Arrived<From>): boolean {
    const takers = this.#takers.get(arrived.name)
    if (takers === undefined) {
      this.#unheard += 1
      return true
    }
    const arrival = new Arrival(arrived, this.#init.warn)
    for (const taker of takers) taker.push(arrival, arrived.bytes)
    return !arrival.hasFailed
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

function call<From>(listener: Listener<ReceivedMessage<From>>, message: ReceivedMessage<From> | undefined): void {
  try {
    if (message !== undefined) listener(message)
  } catch (error) {
    void Promise.reject(error)
  }
}

function dropping(name: string): NetQueueError {
  const message = `A loop over ${JSON.stringify(name)} messages is behind, and loses some (maxUnreadMessages, maxUnreadBytes)`
  return new NetQueueError('MESSAGE_DROPPED', message, { limit: 'maxUnreadMessages', value: name })
}
