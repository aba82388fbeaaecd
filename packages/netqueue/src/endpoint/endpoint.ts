import { Consumer } from '../delivery/consumer.ts'
import type { Sender } from '../delivery/delivery.ts'
import type { Inbox } from '../delivery/inbox.ts'
import type { Emitter } from '../events/emitter.ts'
import type { EventStream, EventStreamOptions } from '../events/event-stream.ts'
import type { Listener } from '../events/listener.ts'
import type { Body, MessageName, Messages, Payload, ReplyInput, RequestName } from '../message/messages.ts'
import type { HandleOptions, RequestContext } from '../request/handlers.ts'
import type { ReceivedMessage, SubscribeOptions } from '../request/subscription.ts'
import type { Talk } from './talk.ts'
import type { ManualTicks } from '../ticks/manual-ticks.ts'
import type { Tick, TickOptions } from '../ticks/tick-loop.ts'
import type { Ticks } from '../ticks/ticks.ts'

/** Messages of one name, for one loop. What waits is bounded: a loop that is behind loses messages, and can see how many. */
export interface MessageStream<From, P> extends AsyncIterableIterator<ReceivedMessage<From, P>, undefined> {
  /** Messages that were lost so far because too many waited already. */
  readonly dropped: number
}

/** Where nothing is known of the messages, every text would be the name of one, and no event could be misspelt. */
type KnownName<M extends Messages> = string extends MessageName<M> ? never : MessageName<M>

/** Answers requests of one name; see {@link Endpoint.handle}. */
export type HandlerOf<M extends Messages, N extends RequestName<M>, From> = (
  payload: Payload<M, N>,
  context: RequestContext<From, Body<M, N>>,
) => Answered<ReplyInput<M, N>> | PromiseLike<Answered<ReplyInput<M, N>>>

/** One reply, or a stream of them. */
type Answered<R> = R | AsyncIterable<R>

export interface EndpointInit<Events extends object> {
  inbox: Inbox
  talk: Talk
  events: Emitter<Events>
  ticks: Ticks
}

/** What a client and a server have in common: they take items, answer requests, hear messages and events, and have ticks. */
export abstract class Endpoint<
  T,
  Result,
  From extends Sender,
  Events extends object,
  M extends Messages,
> extends Consumer<T, Result, From> {
  readonly #talk: Talk
  readonly #events: Emitter<Events>
  readonly #ticks: Ticks

  protected constructor({ inbox, talk, events, ticks }: EndpointInit<Events>) {
    super(inbox)
    this.#talk = talk
    this.#events = events
    this.#ticks = ticks
  }

  /**
   * Answers requests of one name, whoever makes them. What the handler returns is the reply; an async iterable, such as an async generator
   * gives, is streamed, as fast as the requester reads. What it throws rejects the request with `RemoteError`, with the error's `code` or
   * `HANDLER_FAILED`. A client that adds its handlers as soon as `connect` has resolved misses no request. Returns the function that takes
   * the handler away. Throws a `TypeError` for a name without a reply, and where there is a handler already.
   */
  handle<N extends RequestName<M>>(name: N, handler: HandlerOf<M, N, From>, options?: HandleOptions): () => void {
    return this.#talk.handle(name, handler, options)
  }

  /**
   * Messages of one name from now on, whoever sends them, for a loop of its own. So many wait while its body runs; then it loses the oldest,
   * or those that come (`MESSAGE_DROPPED`, a warning). The loop ends when this side is closed, after what waits was read. Throws a
   * `TypeError` for what is not the name of a message.
   */
  messages<N extends MessageName<M>>(name: N, options?: SubscribeOptions): MessageStream<From, Payload<M, N>> {
    return this.#talk.subscribe(name, options) as unknown as MessageStream<From, Payload<M, N>>
  }

  /**
   * Calls a listener with each event of one type, or with each message of one name, from now on; returns the function that takes it away. One
   * that throws, or whose promise rejects, disturbs nobody: its error is the cause of a warning (`HANDLER_FAILED`). Throws a `TypeError` for
   * what is neither the name of an event nor that of a message without a reply.
   */
  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void
  on<N extends KnownName<M>>(name: N, listener: Listener<ReceivedMessage<From, Payload<M, N>>>): () => void
  on(type: string, listener: Listener<never>): () => void {
    if (this.#talk.defines(type)) return this.#talk.on(type, listener as Listener<ReceivedMessage<Sender>>)
    this.#talk.checkHeard(type)
    return this.#events.on(type as keyof Events, listener as Listener<Events[keyof Events]>)
  }

  /**
   * Events of one type from now on, for a loop of its own. So many wait while its body runs; then it loses the oldest, or those that come
   * (`EVENTS_DROPPED`, a warning). The loop ends when this side is closed, after what waits was read. Throws a `TypeError` for what is not the
   * name of an event.
   */
  events<K extends keyof Events>(type: K, options?: EventStreamOptions): EventStream<Events[K]> {
    this.#talk.checkEvent(String(type))
    return this.#events.stream(type, options)
  }

  /**
   * Ticks, so many a second (from above 0 to 1,000), or those of {@link manualTicks}: the n-th is due n periods after the loop began, whatever
   * each body took. What was missed meanwhile is told by the next one, and never piles up. Ends when closing begins.
   */
  ticks(hz: number | ManualTicks, options?: TickOptions): AsyncIterableIterator<Tick, undefined> {
    return this.#ticks.loop(hz, options)
  }
}
