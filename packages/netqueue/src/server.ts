import type { Sink, Source } from 'it-stream-types'
import type { DeadLetters } from './delivery/dead-letters.ts'
import { Entry, EntryBelow } from './delivery/entry.ts'
import { limitSettling } from './delivery/settle-deadlines.ts'
import type { SettleOptions } from './delivery/settle-deadlines.ts'
import { clientGone, serverClosed } from './dispatch/backlog.ts'
import type { SubmitInit } from './dispatch/backlog.ts'
import { Endpoint } from './endpoint/endpoint.ts'
import { mapThrough } from './endpoint/map.ts'
import type { MapOptions, MapOutcome } from './endpoint/map.ts'
import { promised } from './endpoint/promised.ts'
import { checkMs, checkOneOf, checkStrings } from './errors/check.ts'
import { NetQueueError } from './errors/errors.ts'
import { decodeWith, encodeWithin } from './message/codec.ts'
import type { BodyInput, MessageName, Messages, PayloadInput, Reply, RequestName } from './message/messages.ts'
import { statusFrom } from './message/status.ts'
import { checkSupports, unsupported } from './protocol/supports.ts'
import { checkWait } from './queue/pending.ts'
import type { WaitOptions } from './queue/pending.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply as Answer } from './request/reply.ts'
import { closeAll, openDoors } from './server/doors.ts'
import type { Doors } from './server/doors.ts'
import { MemoryBound } from './server/memory-bound.ts'
import type { AcceptOptions } from './server/reception.ts'
import { allBut, destinationOf, giveToEach, isSeveral } from './server/recipients.ts'
import type { ServerClient } from './server/server-client.ts'
import type {
  BroadcastOptions,
  BroadcastOutcome,
  PutOptions,
  Recipient,
  ServerCloseOptions,
  ServerEvents,
  ServerOptions,
  ServerRequestOptions,
  ServerSendOptions,
  SubmitOptions,
  Undone,
} from './server/server-options.ts'
import { assembleServer } from './server/server-parts.ts'
import type { ServerParts } from './server/server-parts.ts'
import { settingsFrom } from './server/server-settings.ts'
import type { ByteDuplex, Listener } from './transport/index.ts'

/**
 * Listens at an address: `tcp://host:port`, `tls://host:port`, `unix:/path` or `memory:name`; port 0 lets the system choose, see {@link Server.address}.
 * Of several addresses, at all: one that cannot be had leaves none open, and `tls` is for those that are reached by it. Without an address
 * the server takes only what {@link Server.accept} gives it. Rejects with `LISTEN_FAILED`, and with `INSECURE_LISTEN` for addresses off
 * loopback, unless clients are authenticated or `insecure` is set.
 */
export async function listen<Item = unknown, Result = unknown, M extends Messages = Messages>(
  address?: string | readonly string[],
  options: ServerOptions<Item, Result, M> = {},
): Promise<Server<Item, Result, M>> {
  if (address === undefined) return new Server<Item, Result, M>(options)
  const doors = await openDoors([address].flat(), options)
  try {
    return new Server<Item, Result, M>(options, doors)
  } catch (error) {
    await closeAll(doors.listeners)
    throw error
  }
}

const NO_DOORS: Doors = { listeners: [], hasCertificates: false }

/** Hands items to whichever client is free, takes what clients put, by {@link Consumer}, and talks with them. */
export class Server<Item = unknown, Result = unknown, M extends Messages = Messages>
  extends Endpoint<Result, unknown, ServerClient, ServerEvents<Item>, M>
  implements AsyncDisposable
{
  /** This server's name, as its clients know it. */
  readonly id: string
  /** Where clients connect, with the ports that the system chose, in the order of what was asked for. */
  readonly addresses: readonly string[]
  /** Resolves when the server is closed; never rejects. */
  readonly closed: Promise<Undone<Item>>
  readonly #parts: ServerParts<Item, Result>
  readonly #listeners: readonly Listener[]
  readonly #decode = (payload: Uint8Array | undefined): Result =>
    (payload === undefined ? undefined : decodeWith(this.#parts.settings.result, payload)) as Result
  /** Why no items are put: the server is closed, or its protocol has none. */
  #closedToItems: (() => NetQueueError) | undefined
  #state: 'listening' | 'closing' | 'closed' = 'listening'
  #closing: Promise<Undone<Item>> | undefined
  /** A handler of ours had an item when its signal and the moment after it had passed. */
  #isOutlived = false
  #resolveClosed!: (undone: Undone<Item>) => void

  /** @internal Use {@link listen}. */
  constructor(options: ServerOptions<Item, Result, M>, doors: Doors = NO_DOORS) {
    const parts = assembleServer(settingsFrom(options), options, doors)
    super(parts)
    const { name, supports } = parts.settings.protocol
    this.#parts = parts
    this.id = parts.self.id
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve))
    if (!supports.items) this.#closedToItems = () => unsupported(name, 'items')
    this.#listeners = doors.listeners
    this.addresses = doors.listeners.map(({ address }) => address)
    for (const listener of doors.listeners)
      this.#acceptAll(listener).catch((cause: unknown) => parts.warn(listenerFailed(listener, cause)))
  }

  /** @internal What a relay joins to the parts of a client. */
  static partsOf<Item, Result, M extends Messages>(server: Server<Item, Result, M>): ServerParts<Item, Result> {
    return server.#parts
  }

  /** Where clients connect, with the port that the system chose: the first of `addresses`; `undefined` for a server without a listener. */
  get address(): string | undefined {
    return this.addresses[0]
  }

  /** The connected clients, and those that are away, in the order in which they came. */
  get clients(): readonly ServerClient[] {
    return this.#parts.backlog.dispatcher.clients
  }

  /**
   * The client, or the node below one, at the end of a path of ids, for `to` and `except`: `server.node('branch', 'leaf')`. Throws `CLIENT_GONE` where nobody is
   * known there.
   */
  node(...path: string[]): Recipient {
    checkStrings('path', path)
    return this.#parts.clientele.at(path)
  }

  /** Items that no client has. */
  get backlog(): number {
    return this.#parts.backlog.size
  }

  get state(): 'listening' | 'closing' | 'closed' {
    return this.#state
  }

  /** Items that were refused, or tried `maxAttempts` times. */
  get deadLetters(): DeadLetters<Item> {
    return this.#parts.backlog.redelivery.deadLetters
  }

  /** What clients can make this server hold at most, by its limits: a sum with its terms, which `toString()` prints. */
  limits(): MemoryBound {
    const { talk, settings } = this.#parts
    return new MemoryBound({ limits: talk.limits, resumes: settings.resumeTimeoutMs > 0 })
  }

  /**
   * Takes a duplex of bytes as a client's connection. Resolves when it has introduced itself; rejects with the reason for which it
   * was refused. `closeDuplex: false` leaves the duplex usable afterwards.
   */
  accept(duplex: ByteDuplex, options: AcceptOptions = {}): Promise<ServerClient> {
    return this.#parts.clientele.accept(duplex, options)
  }

  /**
   * Hands an item to a client: resolves when one with credit has been chosen. `timeout` → `QUEUE_FULL`, `signal` → its reason, and
   * then the item was certainly not delivered. Also rejects with `CLOSED`, `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `CLIENT_GONE`.
   *
   * With `to`, each client named, or node below one (`client.nodes`), gets the item, and the call waits for all of them; where `'all'` is nobody, for nobody. One that
   * stalls holds it up until `timeout`; the error of a list then names in `undone` those that were not given the item and do not get
   * it any more. One that leaves first does not get it either (`CLIENT_GONE`). What was given to a client that is then lost becomes a dead letter: it was for no other.
   *
   * The item must not be changed afterwards: it may be sent again.
   */
  put(item: Item, options?: PutOptions): Promise<void> {
    // Not `async`, which would cost every item a promise and two turns of the microtask queue.
    try {
      const payload = this.#encode(item)
      return options === undefined
        ? this.#parts.backlog.put(new Entry(item, payload))
        : this.#putWith(item, payload, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #putWith(item: Item, payload: Uint8Array, { to, except, ...options }: PutOptions): Promise<void> {
    checkWait(options)
    const give = (one?: Recipient): Promise<void> => this.#put(item, payload, one, options)
    if (isSeveral(to)) {
      const clients = to === 'all' ? this.#parts.clientele.takers : to
      return giveToEach(except === undefined ? clients : allBut(clients, except), give)
    }
    if (except !== undefined)
      throw new TypeError("Expected `except` to come with `to: 'all'` or with a list of clients")
    await give(to)
  }

  /**
   * Hands an item to a client if one is free now; tells whether it did. A policy that answers with a promise is never in time. Throws
   * `CLOSED`, `ITEM_TOO_LARGE` and `ENCODE_FAILED`.
   */
  tryPut(item: Item): boolean {
    return this.#parts.backlog.tryPut(new Entry(item, this.#encode(item)))
  }

  /** Puts all items of a source, one after the other. */
  async putAll(items: Source<Item>, options?: PutOptions): Promise<void> {
    for await (const item of items) await this.put(item, options)
  }

  /** The sink of an it-pipe duplex: {@link putAll}. */
  get sink(): Sink<Source<Item>, Promise<void>> {
    return (source) => this.putAll(source)
  }

  /**
   * Hands an item to a client and waits for its result. A handler that throws rejects this with `RemoteError`; losses are retried,
   * then `DEAD_LETTER`; an item that is settled without a result: `NO_RESULT`. `timeout` and `signal` before a client has it:
   * `QUEUE_FULL` and the signal's reason; after that the handler's signal fires, the item is not delivered again, and the errors
   * `TIMEOUT` and `ABORTED` say `delivered: 'maybe'`.
   */
  submit(item: Item, options: SubmitOptions = {}): Promise<Result> {
    return this.#submit(item, { wait: options, decode: this.#decode }, options)
  }

  /**
   * Submits every item of a source and yields the results, in the order of the source unless `ordered: false`. A failure ends it
   * and cancels the rest; with `settled: true` each result comes as an outcome instead.
   */
  map(source: Source<Item>, options: MapOptions & { settled: true }): AsyncIterableIterator<MapOutcome<Item, Result>>
  map(source: Source<Item>, options?: MapOptions): AsyncIterableIterator<Result>
  map(source: Source<Item>, options: MapOptions = {}): AsyncIterableIterator<Result | MapOutcome<Item, Result>> {
    const decode = (payload: Uint8Array | undefined): { result: Result; bytes: number } => ({
      result: this.#decode(payload),
      bytes: payload?.length ?? 0,
    })
    return mapThrough(
      source,
      (item, { assigned, signal }) => this.#submit(item, { wait: { signal }, assigned, decode }, options),
      options,
    )
  }

  /** Resolves when every item that was put is settled, withdrawn, a dead letter, or given up by {@link close}. */
  idle(): Promise<void> {
    return this.#parts.backlog.idle()
  }

  /**
   * Asks a client, and resolves with what its handler returns: the client, or node below one, given by `to`, or whoever is free, which is the one with the
   * fewest open requests of those that have defined the name. Where there is none, the call waits for one. One that has no handler for it
   * costs nothing: others are asked, if there are any. `timeout` (30 s unless set), `signal`, errors and `delivered` as with
   * {@link Client.request}; a client that is not connected: `CLIENT_GONE`. What a handler may have begun is not asked again: what must be
   * done is an item.
   */
  request<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options: ServerRequestOptions<BodyInput<M, N>> = {},
  ): Promise<Reply<M, N>> {
    return promised(() => {
      this.#checkRequest(name, options)
      return this.#parts.addressing.request(name, payload, options)
    })
  }

  /**
   * As {@link request}, and resolves with all that the answer has: its headers, and a value or a stream. The time, 30 s unless set, is that
   * of the whole stream; {@link stream} has none.
   */
  call<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options: ServerRequestOptions<BodyInput<M, N>> = {},
  ): Promise<Answer<Reply<M, N>>> {
    return promised(() => {
      this.#checkRequest(name, options)
      return this.#parts.addressing.call(name, payload, options)
    })
  }

  /**
   * Asks a client, and gives what its handler streams, chunk by chunk; see {@link Client.stream}. Without `to`, whoever is free is looked
   * for when the first chunk is asked for, and some wrong arguments throw only then.
   */
  stream<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options: ServerRequestOptions<BodyInput<M, N>> = {},
  ): AsyncIterableIterator<Reply<M, N>, undefined> {
    this.#checkOpen()
    this.#parts.talk.checkStream(name, options)
    return this.#parts.addressing.stream(name, payload, options) as AsyncIterableIterator<Reply<M, N>, undefined>
  }

  /**
   * Sends one client or several a message, which has no answer; see {@link Client.send}. A client that is not connected: `CLIENT_GONE`. Of
   * several, each is tried; then the call rejects with the first failure, whose `undone` names those that do not get the message.
   */
  async send<N extends MessageName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    { to, ...options }: ServerSendOptions,
  ): Promise<void> {
    this.#checkMessage(name, options)
    await this.#parts.addressing.send(name, this.#parts.talk.encode(name, payload), to, options)
  }

  /** {@link send}, of a payload that the message's codec has encoded already; nothing checks it here. */
  // With names of its own type, as {@link send}: otherwise a server with messages would be no `Server` to a function that takes any.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  async sendEncoded<N extends MessageName<M>>(
    name: N,
    payload: Uint8Array,
    { to, ...options }: ServerSendOptions,
  ): Promise<void> {
    this.#checkMessage(name, options)
    await this.#parts.addressing.send(name, payload, to, options)
  }

  /**
   * Sends a message to all clients that have defined its name, encoded once. A client that is behind has `timeout` to make room; then it
   * misses this message, and the next ones at once until it has room again. Resolves with who missed it. A client that stalls delays no
   * other client. Rejects with `ENCODE_FAILED`, `ITEM_TOO_LARGE`, `CLOSED`, and then nobody gets the message.
   */
  async broadcast<N extends MessageName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options: BroadcastOptions = {},
  ): Promise<BroadcastOutcome> {
    this.#checkMessage(name, options)
    return this.#parts.addressing.broadcast(name, this.#parts.talk.encode(name, payload), options)
  }

  /** {@link broadcast}, of a payload that the message's codec has encoded already; nothing checks it here. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  async broadcastEncoded<N extends MessageName<M>>(
    name: N,
    payload: Uint8Array,
    options: BroadcastOptions = {},
  ): Promise<BroadcastOutcome> {
    this.#checkMessage(name, options)
    return this.#parts.addressing.broadcast(name, payload, options)
  }

  /**
   * Makes no more requests to one client, which is told so behind the last one: new ones to it reject with `CLOSED`. Resolves when those
   * that were made are answered.
   */
  async endRequests(to: ServerClient): Promise<void> {
    this.#checkOpen()
    await this.#parts.addressing.endRequests(to)
  }

  /**
   * Tells all clients, and those that come, something about this server: any value that JSON carries. Throws `CLOSED`, and a
   * `TypeError` for what JSON does not carry.
   */
  setStatus(status: unknown): void {
    this.#checkOpen()
    const { self, clientele } = this.#parts
    self.status = statusFrom(status)
    clientele.setStatus(self.status)
  }

  /**
   * Ends the server: takes no more connections, items and requests, tells its clients, lets them and its own handlers finish. When time
   * is up, all of these have their signals fired. Returns the items that were not done. What was received can still be read; then loops end.
   * A second call waits for the same end, and no longer than its own `timeout`.
   */
  async close({ timeout = 5_000, reason = 'closed' }: ServerCloseOptions = {}): Promise<Undone<Item>> {
    checkMs('timeout', timeout)
    checkOneOf('reason', reason, ['closed', 'restart'])
    if (this.#closing !== undefined) this.#parts.drain.limit(timeout)
    this.#closing ??= this.#close(timeout, reason === 'restart' ? 'RESTART' : 'CLOSED')
    return this.#closing
  }

  /** {@link close}, and throws `DRAIN_INCOMPLETE` when items are undone or a handler outlived its signal. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { undone } = await this.close()
    if (undone.length > 0)
      throw new NetQueueError('DRAIN_INCOMPLETE', `${undone.length} items were put and never settled`, { undone })
    if (this.#isOutlived) throw new NetQueueError('DRAIN_INCOMPLETE', 'A handler outlived its signal')
  }

  async #acceptAll(listener: Listener): Promise<void> {
    // Whoever is refused was warned about already.
    for await (const duplex of listener) this.accept(duplex).catch(() => {})
  }

  async #close(timeout: number, code: string): Promise<Undone<Item>> {
    this.#state = 'closing'
    this.#closedToItems = serverClosed
    this.#parts.ticks.end()
    await closeAll(this.#listeners)
    this.#parts.backlog.close()
    this.#parts.addressing.close()
    this.#parts.clientele.drain(code)
    await this.#parts.drain.run(timeout, () => this.#parts.clientele.close())
    this.#isOutlived = this.#parts.clientele.isWorking
    await this.#parts.clientele.done()
    this.#parts.inbox.close(serverClosed())
    this.#parts.deadlines.close()
    this.#state = 'closed'
    this.#parts.events.close()
    this.#parts.talk.close()
    const undone = { undone: [...this.#parts.backlog.undone] }
    this.#resolveClosed(undone)
    return undone
  }

  #encode(item: Item): Uint8Array {
    if (this.#closedToItems !== undefined) throw this.#closedToItems()
    const { item: codec, limits } = this.#parts.settings
    return encodeWithin(codec, item, limits.maxItemBytes)
  }

  async #put(
    item: Item,
    payload: Uint8Array,
    to: Recipient | undefined,
    options: WaitOptions & SettleOptions,
  ): Promise<void> {
    const entry = to === undefined ? new Entry(item, payload) : this.#addressed(item, payload, to)
    limitSettling(entry, options)
    await this.#parts.backlog.put(entry, options)
  }

  #submit<R>(item: Item, init: SubmitInit<R>, options: SettleOptions & Pick<SubmitOptions, 'to'>): Promise<R> {
    // Not `async`: see put().
    try {
      checkWait(init.wait)
      const { name, supports } = this.#parts.settings.protocol
      checkSupports(name, supports, 'result')
      const { to } = options
      const payload = this.#encode(item)
      const entry =
        to === undefined ? new Entry(item, payload) : this.#addressed(item, payload, to, { wantsResult: true })
      limitSettling(entry, options)
      return this.#parts.backlog.submit(entry, init)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Throws for a client or a node that is gone, and for one that cannot have the item. */
  #addressed(item: Item, payload: Uint8Array, to: Recipient, { wantsResult = false } = {}): Entry {
    const { client, below } = destinationOf(to)
    if (!client.isConnected && !client.isAway) throw clientGone(client.id, 'no')
    const entry = below === undefined ? new Entry(item, payload) : new EntryBelow(item, payload, below)
    entry.target = client
    const objection = this.#parts.clientele.objection(client, entry, { wantsResult })
    if (objection !== undefined) throw objection
    return entry
  }

  #checkRequest(name: string, options: ServerRequestOptions): void {
    this.#checkOpen()
    this.#parts.talk.checkRequest(name, options)
  }

  #checkMessage(name: string, options: Pick<SendOptions, 'headers'>): void {
    this.#checkOpen()
    this.#parts.talk.checkMessage(name, options)
  }

  #checkOpen(): void {
    if (this.#state !== 'listening') throw serverClosed()
  }
}

function listenerFailed({ address }: Listener, cause: unknown): NetQueueError {
  return new NetQueueError('LISTEN_FAILED', `The listener at ${address} failed: nobody can connect there any more`, {
    cause,
  })
}
