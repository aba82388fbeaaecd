import { NetQueueError } from '../errors/errors.ts'
import { LossyStream } from '../queue/lossy-stream.ts'
import type { EventStream, EventStreamOptions } from './event-stream.ts'

/** Events that wait for a loop, unless it says otherwise. */
const CAPACITY = 1_024

/** Called with what happened. */
export type Listener<E> = (event: E) => void

/**
 * Typed events, for listeners and for loops. A listener that throws does not disturb the others or us: its error goes to the host, as
 * an uncaught one. A loop that is slow disturbs nobody either: it loses events, and `warn` hears of it.
 */
export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<{ call: Listener<never> }>> = new Map()
  readonly #streams: Set<{ end(): void }> = new Set()
  readonly #warn: (error: NetQueueError) => void
  #isClosed = false

  constructor(warn: (error: NetQueueError) => void = () => {}) {
    this.#warn = warn
  }

  /** Returns the function that takes the listener away. */
  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    // Its own object: whoever added the same function once more keeps it when this one is taken away.
    const registration = { call: listener }
    this.#listeners.set(type, listeners.add(registration))
    return () => void listeners.delete(registration)
  }

  /** The events of one type from now on, until the loop is left, its signal fires, or no more come. */
  stream<K extends keyof Events>(type: K, options: EventStreamOptions = {}): EventStream<Events[K]> {
    const { capacity = CAPACITY, signal } = options
    const stream = new LossyStream<Events[K]>({
      read: (event) => event,
      capacity,
      drop: 'oldest',
      signal,
      behind: () => this.#warn(dropping(String(type), capacity)),
      over: () => {
        this.#streams.delete(stream)
        stop()
      },
    })
    const stop = this.on(type, (event) => stream.push(event))
    this.#streams.add(stream)
    stream.begin()
    if (this.#isClosed) stream.end()
    return stream
  }

  emit<K extends keyof Events>(type: K, event: Events[K]): void {
    const listeners = [...(this.#listeners.get(type) ?? [])]
    for (const { call } of listeners) {
      try {
        ;(call as Listener<Events[K]>)(event)
      } catch (error) {
        void Promise.reject(error)
      }
    }
  }

  /** Streams end when what waits in them was read; listeners stay. */
  close(): void {
    this.#isClosed = true
    for (const stream of this.#streams) stream.end()
  }
}

function dropping(type: string, capacity: number): NetQueueError {
  const message = `A loop over ${type} events is behind: ${capacity} wait for it (capacity), and the oldest are dropped`
  return new NetQueueError('EVENTS_DROPPED', message, { limit: 'capacity', value: capacity })
}
