import type { Sink, Source } from 'it-stream-types'
import type { Calls } from './client/calls.ts'
import type {
  ClientEvents,
  ClientOptions,
  ClientRequestOptions,
  ClientSendOptions,
  Closed,
  CloseOptions,
} from './client/client-options.ts'
import { assembleClient } from './client/client-parts.ts'
import type { ClientParts, ClientSelf } from './client/client-parts.ts'
import { settingsFrom } from './client/client-settings.ts'
import type { ClientServer } from './client/client-server.ts'
import type { DeadLetters } from './delivery/dead-letters.ts'
import type { Sender } from './delivery/delivery.ts'
import type { Puts } from './delivery/puts.ts'
import { Endpoint } from './endpoint/endpoint.ts'
import { NetQueueError } from './errors/errors.ts'
import type { Emitter } from './events/emitter.ts'
import type { EventStream, EventStreamOptions } from './events/event-stream.ts'
import { reachesOf } from './life/reach.ts'
import type { DuplexMaker } from './life/reach.ts'
import type { ClientState, ClientStateChange } from './life/states.ts'
import type { BodyInput, MessageName, Messages, PayloadInput, Reply, RequestName } from './message/messages.ts'
import { statusFrom } from './message/status.ts'
import { checkWait } from './queue/pending.ts'
import type { WaitOptions } from './queue/pending.ts'
import type { Reply as Answer } from './request/reply.ts'
import { defaultTransports } from '#transport'
import type { ByteDuplex } from './transport/index.ts'
import type { Uplinks } from './client/uplinks.ts'

/**
 * Connects to a server. The address is `tcp://host:port`, `tls://host:port`, `unix:/path`, `memory:name`, or `stdio:` for whoever started this
 * process, or a duplex of bytes that exists already, or a function that makes one whenever a connection is looked for.
 * Rejects with `CONNECT_FAILED`, with the reason for which the server refused (`CODEC_MISMATCH`, `ID_IN_USE` …), or with the
 * signal's reason; with `wait: true` it goes on until there is a connection, or one that can never be.
 *
 * From then on the client looks for a server that it lost, by its address, for ever unless `reconnect` says otherwise.
 *
 * With `onDemand` it resolves at once, and servers are looked for when they are first used, and left when nobody uses them.
 *
 * Several addresses make one client of several servers: it takes items from all of them, and gives its own to whichever has credit.
 * Resolves when the first one is connected; the others are looked for. With `failover: true` they stand in for each other: the client
 * has one at a time.
 */
export async function connect<In = unknown, Out = unknown, M extends Messages = Messages>(
  address: string | readonly string[] | ByteDuplex | DuplexMaker,
  options: ClientOptions<In, Out, M> = {},
): Promise<Client<In, Out, M>> {
  const { transports = defaultTransports, failover = false, localAddress, localPort, tls } = options
  const settings = settingsFrom(options)
  checkWait({ signal: options.signal })
  const { closeDuplex } = settings
  const reaches = reachesOf(address, { transports, failover, closeDuplex }, { localAddress, localPort, tls })
  return Client.begin<In, Out, M>(assembleClient(reaches, settings, options), options)
}

/** Takes items from a server, by {@link Consumer}, puts items to it, and talks with it; finds it again when it is lost. */
export class Client<In = unknown, Out = unknown, M extends Messages = Messages>
  extends Endpoint<In, Out, Sender, ClientEvents, M>
  implements AsyncDisposable
{
  /** Resolves when the client's life ended, however it ended; never rejects. */
  readonly closed: Promise<Closed<Out>>
  readonly #uplinks: Uplinks<Out>
  readonly #puts: Puts<Out>
  readonly #calls: Calls
  readonly #events: Emitter<ClientEvents>
  readonly #self: ClientSelf
  readonly #parts: ClientParts<Out>

  private constructor(parts: ClientParts<Out>) {
    super(parts)
    this.#parts = parts
    this.#self = parts.self
    this.#events = parts.events
    this.#puts = parts.puts
    this.#calls = parts.calls
    this.#uplinks = parts.uplinks
    this.closed = parts.uplinks.closed
  }

  /** @internal Use {@link connect}. */
  static async begin<In, Out, M extends Messages>(
    parts: ClientParts<Out>,
    options: ClientOptions<In, Out, M>,
  ): Promise<Client<In, Out, M>> {
    const client = new Client<In, Out, M>(parts)
    await client.#uplinks.connect({ signal: options.signal, isPatient: options.wait ?? false })
    return client
  }

  /** @internal What a relay joins to the parts of a server. */
  static partsOf<In, Out, M extends Messages>(client: Client<In, Out, M>): ClientParts<Out> {
    return client.#parts
  }

  /** This client's name at its servers: the one it asked for, or the one it was given. It keeps it when it connects again. */
  get id(): string {
    return this.#self.id
  }

  /** Where it stands; with several servers, `connected` while any of them is. */
  get state(): ClientState {
    return this.#uplinks.state
  }

  /**
   * The present state, then each one that follows, with the address of the server and, while one is looked for, the attempt, its delay and
   * the last error. With several servers, the states of all. Ends when the client does.
   */
  states(options?: EventStreamOptions): EventStream<ClientStateChange> {
    const now = this.#uplinks.all.map((uplink) => uplink.now)
    return this.#events.stream('state', options, now)
  }

  /** Its servers, connected or not, in the order in which `connect` was given their addresses. */
  get servers(): readonly ClientServer[] {
    return this.#uplinks.all
  }

  /** What the server said last with its `setStatus`; of several, the first that is connected. */
  get serverStatus(): unknown {
    return this.#uplinks.status
  }

  /** Items of this client that a server's side refused, or tried `maxAttempts` times. */
  get deadLetters(): DeadLetters<Out> {
    return this.#puts.deadLetters
  }

  /**
   * Hands an item to a server: resolves when one has credit for it, which waits for a connection where there is none. `timeout` →
   * `QUEUE_FULL`, `signal` → its reason, and then the item was certainly not sent. Also rejects with `ITEM_TOO_LARGE`, `ENCODE_FAILED`,
   * `UNSUPPORTED`, `CLOSED`, and with the error of a client that failed. While the server drains, puts are taken while this client still
   * works on one of that server's items. The item must not be changed afterwards: it is sent again if the server hands it back, or is lost
   * before it settled it.
   */
  put(item: Out, options?: WaitOptions): Promise<void> {
    return this.#puts.put(item, options)
  }

  /** Hands an item to a server if that takes no waiting; tells whether it did. Throws what {@link put} rejects with at once. */
  tryPut(item: Out): boolean {
    return this.#puts.tryPut(item)
  }

  /** Puts all items of a source, one after the other. */
  async putAll(items: Source<Out>, options?: WaitOptions): Promise<void> {
    for await (const item of items) await this.put(item, options)
  }

  /** The sink of an it-pipe duplex: {@link putAll}. */
  get sink(): Sink<Source<Out>, Promise<void>> {
    return (source) => this.putAll(source)
  }

  /**
   * Asks a server, and resolves with what its handler returns; of several, the one given by `to`, or that of `defaultServer`. Waits for a connection
   * where there is none. `timeout` (30 s unless set) → `TIMEOUT`, `signal` → its reason, or `ABORTED` once the request has been sent;
   * either fires the handler's signal. A handler that throws, or nobody who handles it: `RemoteError` with a code. A connection that is lost
   * meanwhile: `CONNECTION_LOST`; what certainly was not begun is asked of the next one, or of another server, instead. `delivered` of the
   * error tells whether a handler may have begun. Also rejects with `QUEUE_FULL`, `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `DECODE_FAILED`,
   * `UNSUPPORTED`, `REPLY_STREAMED`, `CLOSED`.
   */
  request<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options?: ClientRequestOptions<BodyInput<M, N>>,
  ): Promise<Reply<M, N>> {
    return this.#calls.request(name, payload, options)
  }

  /**
   * As {@link request}, and resolves with all that the answer has: its headers, and a value or a stream. The time, 30 s unless set, is that
   * of the whole stream; {@link stream} has none.
   */
  call<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options?: ClientRequestOptions<BodyInput<M, N>>,
  ): Promise<Answer<Reply<M, N>>> {
    return this.#calls.call(name, payload, options)
  }

  /**
   * Asks a server, and gives what its handler streams, chunk by chunk: the handler gets no further ahead than a window. The request is
   * sent when the first chunk is asked for. A reply that is one value is a stream of one. No `timeout` unless one is given, and then for
   * all of it. Leaving the loop cancels the request. Errors as with {@link request}: those that are known at once throw here, the others come
   * from the loop.
   */
  stream<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options?: ClientRequestOptions<BodyInput<M, N>>,
  ): AsyncIterableIterator<Reply<M, N>, undefined> {
    return this.#calls.stream(name, payload, options) as AsyncIterableIterator<Reply<M, N>, undefined>
  }

  /**
   * Sends a server a message, which has no answer: resolves when nothing but its turn to be written is left to wait for. Waits for a
   * connection where there is none, and calls that are ahead of theirs wait longer: `timeout` → `QUEUE_FULL`, `signal` → its reason, and
   * then it was not sent. Also rejects with `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `UNSUPPORTED`, `CLOSED`, `CONNECTION_LOST`. Nothing tells
   * whether it arrives: what must is an item.
   */
  send<N extends MessageName<M>>(name: N, payload: PayloadInput<M, N>, options?: ClientSendOptions): Promise<void> {
    return this.#calls.send(name, payload, options)
  }

  /** {@link send}, of a payload that the message's codec has encoded already; nothing checks it here. */
  // With names of its own type, as {@link send}: otherwise a client with messages would be no `Client` to a function that takes any.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  sendEncoded<N extends MessageName<M>>(name: N, payload: Uint8Array, options?: ClientSendOptions): Promise<void> {
    return this.#calls.sendEncoded(name, payload, options)
  }

  /**
   * Makes no more requests: new ones reject with `CLOSED`. Resolves when those that were made are answered; each server is told then, those
   * that are found later too. Items, messages, and what the servers ask go on.
   */
  endRequests(): Promise<void> {
    return this.#calls.endRequests()
  }

  /**
   * Tells all servers, and those that are connected later, something about this client, for their dispatch policy and their users: any value
   * that JSON carries. Of several in one turn the last one is told. Throws `CLOSED` or the error of a client that failed, and a
   * `TypeError` for what JSON does not carry.
   */
  setStatus(status: unknown): void {
    this.#uplinks.checkOpen()
    this.#self.status = statusFrom(status)
    this.#uplinks.setStatus(this.#self.status)
  }

  /**
   * Ends the client: no new items, puts and requests, loops end, handlers may finish, what waits unstarted goes back, and the server
   * receives what was put, calls that wait included; requests that are open are answered. When time is up, handlers' signals fire and
   * their items go back. Where there is no connection, nothing but handlers at work is waited for. Resolves when nothing is left open. A
   * second call waits for the same end, and no longer than its own `timeout`.
   */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#uplinks.close(options)
  }

  /** {@link close}, and throws `DRAIN_INCOMPLETE` when a handler outlived its signal or the server has not received a put. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    const { undone } = await this.closed
    if (undone.length > 0) {
      const message = `${undone.length} items were put, and the server did not say that it received them`
      throw new NetQueueError('DRAIN_INCOMPLETE', message, { undone })
    }
    if (this.#uplinks.isOutlived) throw new NetQueueError('DRAIN_INCOMPLETE', 'A handler outlived its signal')
  }
}
