import { checkFunction } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { LossyStream } from '../queue/lossy-stream.ts'
import type { Loss } from '../queue/lossy-stream.ts'
import type { EventStream, EventStreamOptions } from './event-stream.ts'
import { callListener, listenerFailed } from './listener.ts'
import type { Listener } from './listener.ts'

/** Events that wait for a loop, unless it says otherwise. */
const CAPACITY = 1_024

/** The client that an event is about, of those that name one. */
type ClientOf<E> = E extends { readonly client: infer C } ? C : never

/** Tells of what went wrong, as an event of the emitter too. */
type Warn<Events extends object> = (error: NetQueueError, client?: ClientOf<Events[keyof Events]>) => void

interface Registration {
  call: Listener<never>
}

/** What has happened, and who listened then. */
interface News<Events extends object> {
  type: keyof Events
  event: Events[keyof Events]
  to: readonly Registration[]
}

/**
 * Typed events, for listeners and for loops. A listener that throws, or whose promise rejects, disturbs neither the others nor us, and a loop
 * that is slow disturbs nobody either: it loses events. `warn` hears of both.
 *
 * All hear everything in the order in which it happened: what a listener brings about is told when all have heard what it was told.
 */
export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<Registration>> = new Map()
  readonly #streams: Set<{ end(): void }> = new Set()
  readonly #warn: Warn<Events>
  /** What nobody has heard yet. */
  readonly #untold: News<Events>[] = []
  /** Something is being told, or is not over. */
  #isHeld = false
  #isClosed = false

  constructor(warn: Warn<Events>) {
    this.#warn = warn
  }

  /** Returns the function that takes the listener away. */
  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    checkFunction('listener', listener)
    const listeners = this.#listeners.get(type) ?? new Set()
    // Its own object: whoever added the same function once more keeps it when this one is taken away.
    const registration = { call: listener }
    this.#listeners.set(type, listeners.add(registration))
    return () => void listeners.delete(registration)
  }

  /** The events of one type from now on, behind those that are given, until the loop is left, its signal fires, or no more come. */
  stream<K extends keyof Events>(
    type: K,
    options: EventStreamOptions = {},
    first: readonly Events[K][] = [],
  ): EventStream<Events[K]> {
    const { capacity = CAPACITY, drop = 'oldest', signal } = options
    const stream = new LossyStream<Events[K]>({
      read: (event) => event,
      capacity,
      drop,
      signal,
      behind: () => this.#warn(dropping(String(type), capacity, drop)),
      over: () => {
        this.#streams.delete(stream)
        stop()
      },
    })
    const stop = this.on(type, (event) => stream.push(event))
    this.#streams.add(stream)
    stream.begin()
    for (const event of first) stream.push(event)
    if (this.#isClosed) stream.end()
    return stream
  }

  emit<K extends keyof Events>(type: K, event: Events[K]): void {
    const listeners = this.#listeners.get(type)
    if (listeners === undefined || listeners.size === 0) return
    this.#untold.push({ type, event, to: [...listeners] })
    if (!this.#isHeld) this.#tellAll()
  }

  /** Does something that is told of when it is over: listeners may act, and must find nothing half done. */
  together(act: () => void): void {
    if (this.#isHeld) return act()
    this.#isHeld = true
    try {
      act()
    } finally {
      this.#tellAll()
    }
  }

  /** Streams end when what has happened so far was read; listeners stay. */
  close(): void {
    this.#isClosed = true
    if (!this.#isHeld) this.#endStreams()
  }

  #tellAll(): void {
    this.#isHeld = true
    for (let news = this.#untold.shift(); news !== undefined; news = this.#untold.shift()) this.#tell(news)
    this.#isHeld = false
    if (this.#isClosed) this.#endStreams()
  }

  #tell({ type, event, to }: News<Events>): void {
    const listeners = this.#listeners.get(type)
    const failed = (cause: unknown): void => this.#failed(type, event, cause)
    for (const listener of to) {
      // One that was taken away meanwhile hears nothing more.
      if (listeners?.has(listener) === true) callListener(listener.call as Listener<typeof event>, event, failed)
    }
  }

  #endStreams(): void {
    for (const stream of this.#streams) stream.end()
  }

  /** What listeners of warnings make of a warning about themselves is told no more: it would go on for ever. */
  #failed<K extends keyof Events>(type: K, event: Events[K], cause: unknown): void {
    const name = String(type)
    const { client, error } = Object(event) as {
      client?: ClientOf<Events[keyof Events]>
      error?: Partial<NetQueueError>
    }
    if (name === 'warning' && error?.code === 'HANDLER_FAILED' && error.value === name) return
    this.#warn(listenerFailed(name, cause), client)
  }
}

function dropping(type: string, capacity: number, drop: Loss): NetQueueError {
  const message = `A loop over ${type} events is behind: ${capacity} wait for it (capacity), and the ${drop} are dropped`
  return new NetQueueError('EVENTS_DROPPED', message, { limit: 'capacity', value: capacity })
}
