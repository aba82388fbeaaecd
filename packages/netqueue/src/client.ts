import type { Sink, Source } from 'it-stream-types'
import { Attempt } from './attempt.ts'
import { checkOptions, CLIENT_EVENTS } from './client-options.ts'
import type { ClientEvents, ClientOptions, Closed, CloseOptions } from './client-options.ts'
import { Connection } from './connection/connection.ts'
import { Pulse } from './connection/pulse.ts'
import type { Session } from './connection/session.ts'
import { Conversation } from './conversation.ts'
import type { DeadLetters } from './delivery/dead-letters.ts'
import { Entry } from './delivery/entry.ts'
import { Inbox } from './delivery/inbox.ts'
import { Line } from './delivery/line.ts'
import { Link } from './delivery/link.ts'
import type { LinkOwner } from './delivery/link.ts'
import { Redelivery } from './delivery/redelivery.ts'
import { SettleDeadlines } from './delivery/settle-deadlines.ts'
import type { Sender } from './delivery/delivery.ts'
import { Drain } from './drain.ts'
import { Endpoint } from './endpoint.ts'
import { host } from './env/host.ts'
import { checkMs } from './errors/check.ts'
import { NetQueueError } from './errors/errors.ts'
import { Emitter } from './events/emitter.ts'
import { codecFrom, encodeWithin } from './message/codec.ts'
import type { Codec } from './message/codec.ts'
import type { BodyInput, MessageName, Messages, PayloadInput, Reply, RequestName } from './message/messages.ts'
import { statusFrom } from './message/status.ts'
import { limitsFrom } from './options/limits.ts'
import { harmless, silent } from './options/logger.ts'
import type { Logger } from './options/logger.ts'
import { native } from './protocol/net-queue/net-queue.ts'
import { promised } from './promised.ts'
import { checkWait } from './queue/pending.ts'
import type { WaitOptions } from './queue/pending.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply as Answer } from './request/reply.ts'
import type { RequestOptions } from './request/requester.ts'
import { Talk } from './talk.ts'
import { Ticks } from './ticks/ticks.ts'
import { chooseTransport, defaultTransports } from './transport/index.ts'
import type { ByteDuplex, Transport } from './transport/index.ts'

/**
 * Connects to a server. The address is `tcp://host:port`, `unix:/path` or `memory:name`, or a duplex of bytes that exists already.
 * Rejects with `CONNECT_FAILED`, with the reason for which the server refused (`CODEC_MISMATCH`, `ID_IN_USE` …), or with the
 * signal's reason.
 */
export async function connect<In = unknown, Out = unknown, M extends Messages = Messages>(
  address: string | ByteDuplex,
  options: ClientOptions<In, Out, M> = {},
): Promise<Client<In, Out, M>> {
  const { env = host, connectTimeoutMs = 10_000, signal, transports = defaultTransports } = options
  checkOptions(options)
  checkWait({ signal })
  const transport = isDuplex(address) ? undefined : chooseTransport(address, transports)
  const name = isDuplex(address) ? (address.remoteAddress ?? 'the duplex') : address
  const attempt = new Attempt<Client<In, Out, M>>({ env, name, connectTimeoutMs, signal })
  return attempt.run(async () => {
    const duplex = isDuplex(address)
      ? address
      : await (transport as Transport).connect(address, { ...options, signal: attempt.signal })
    try {
      return new Client<In, Out, M>(duplex, options, attempt)
    } catch (error) {
      if (duplex !== address) duplex.abort?.(error as Error)
      throw error
    }
  })
}

/** One connection to a server: takes items from it, by {@link Consumer}, puts items to it, and talks with it. */
export class Client<In = unknown, Out = unknown, M extends Messages = Messages>
  extends Endpoint<In, Out, Sender, ClientEvents, M>
  implements AsyncDisposable
{
  /** Resolves when the client's life ended, however it ended; never rejects. */
  readonly closed: Promise<Closed<Out>>
  readonly #maxItemBytes: number
  readonly #codec: Codec<Out>
  readonly #logger: Logger
  readonly #events: Emitter<ClientEvents>
  readonly #ticks: Ticks
  readonly #inbox: Inbox
  readonly #line: Line
  readonly #link: Link
  readonly #talk: Talk
  readonly #conversation: Conversation
  readonly #connection: Connection
  #session: Session | undefined
  readonly #redelivery: Redelivery<Out>
  readonly #deadlines: SettleDeadlines
  readonly #drain: Drain
  #id: string
  #serverStatus: unknown
  #state: 'connected' | 'closing' | 'closed' = 'connected'
  #error: NetQueueError | undefined
  #closing: Promise<void> | undefined
  /** The server drains: what is in hand can still be answered by puts. */
  #isDismissed = false
  /** A handler had an item when its signal and the moment after it had passed. */
  #isOutlived = false
  #resolveEnded!: (closed: Closed<Out>) => void

  /** @internal Use {@link connect}. */
  constructor(duplex: ByteDuplex, options: ClientOptions<In, Out, M>, attempt: Attempt<Client<In, Out, M>>) {
    const { env = host, prefetch = 'auto', id = '', tags = [], protocol = native(), exposeErrors = false } = options
    const limits = limitsFrom(options.limits)
    const logger = harmless(options.logger ?? silent)
    const warn = (error: NetQueueError): void => this.#warn(error)
    const inbox = new Inbox({
      env,
      prefetch,
      maxPrefetch: limits.maxUnsettled,
      rtt: () => this.#link.fastestRtt,
      measureRtt: () => this.#link.ping(),
      maxBytes: limits.maxInboxBytes,
      countReaders: true,
      warn,
    })
    const events = new Emitter<ClientEvents>(warn)
    const ticks = new Ticks(env)
    const talk = new Talk({ env, options, limits, events: CLIENT_EVENTS, warn, worked: () => {} })
    super({ inbox, talk, events, ticks })
    this.#events = events
    this.#ticks = ticks
    this.#talk = talk
    this.#id = id
    this.#inbox = inbox
    this.#logger = logger
    this.#maxItemBytes = limits.maxItemBytes
    this.#codec = codecFrom('result', options.result)
    const ended = new Promise<Closed<Out>>((resolve) => (this.#resolveEnded = resolve))
    this.#line = new Line({ env, maxWaiting: limits.maxWaiting, link: () => this.#link })
    this.#redelivery = new Redelivery<Out>({
      env,
      warn,
      options,
      requeue: (entry) => this.#line.requeue(entry),
      advance: () => this.#line.advance(),
      revive: (entry) => {
        this.#checkOpen()
        this.#line.revive(entry)
        return true
      },
      gone: () => {},
      buried: () => {},
    })
    this.#deadlines = new SettleDeadlines(env, options)
    const codec = codecFrom('item', options.item)
    this.#link = new Link({
      shared: {
        env,
        limits,
        inbox,
        codec,
        resultCodec: this.#codec,
        exposeErrors,
        retry: this.#redelivery.retry,
        deadlines: this.#deadlines,
        keepsReceived: false,
        oldestWaiting: () => this.#line.oldestOrdinal,
      },
      owner: this.#owner(attempt),
      wake: () => this.#wake(),
      wakeLater: () => {
        this.#connection.wakeLater()
        this.#drain.check()
      },
      flush: () => this.#connection.flush(),
    })
    this.#conversation = new Conversation({
      link: this.#link,
      shared: talk.shared,
      opened: () => this.#opened(attempt),
      suspended: () => this.#session?.giveUp(),
      wake: () => this.#connection.wake(),
      flush: () => this.#connection.flush(),
      warn,
      asked: () => {},
      changed: () => this.#drain.check(),
    })
    this.#drain = new Drain(env, () => this.#isDone)
    this.#connection = new Connection(duplex, {
      role: 'client',
      protocol,
      introduction: () => ({
        id,
        tags,
        isPaced: prefetch === 'auto',
        status: statusFrom(options.status),
        item: codec.name,
        result: this.#codec.name,
        messages: talk.own,
        nonce: env.randomBytes(16),
      }),
      limits,
      env,
      pulse: new Pulse({ env, limits, warn }),
      user: (session) => {
        this.#session = session
        return this.#conversation
      },
      declined: (error) => this.#conversation.closed(error),
      identified: (given) => (this.#id = given),
      closeDuplex: options.closeDuplex,
    })
    this.closed = ended.then((closed) => this.#connection.done.then(() => closed))
    if (attempt.signal.aborted) this.#connection.cut()
    else attempt.signal.addEventListener('abort', () => this.#connection.cut(), { once: true })
  }

  /** This client's name at the server: the one it asked for, or the one it was given. */
  get id(): string {
    return this.#id
  }

  get state(): 'connected' | 'closing' | 'closed' {
    return this.#state
  }

  /** What the server said last with its `setStatus`. */
  get serverStatus(): unknown {
    return this.#serverStatus
  }

  /** Items of this client that the server's side refused, or tried `maxAttempts` times. */
  get deadLetters(): DeadLetters<Out> {
    return this.#redelivery.deadLetters
  }

  /**
   * Hands an item to the server: resolves when the server has credit for it. `timeout` → `QUEUE_FULL`, `signal` → its reason, and
   * then the item was certainly not sent. Also rejects with `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `UNSUPPORTED`, `CLOSED`,
   * `CONNECTION_LOST`. While the server drains, puts are taken as long as an item of its is in hand. The item must not be changed
   * afterwards: it is sent again if the server hands it back.
   */
  put(item: Out, options?: WaitOptions): Promise<void> {
    // Not `async`, which would cost every item a promise and two turns of the microtask queue.
    try {
      if (options !== undefined) checkWait(options)
      return this.#line.put(this.#entry(item), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Hands an item to the server if that takes no waiting; tells whether it did. Throws what {@link put} rejects with at once. */
  tryPut(item: Out): boolean {
    return this.#line.tryPut(this.#entry(item))
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
   * Asks the server, and resolves with what its handler returns. `timeout` (30 s unless set) → `TIMEOUT`, `signal` → its reason, or
   * `ABORTED` once the request has been sent; either fires the handler's signal. A handler that throws, or nobody who handles it:
   * `RemoteError` with a code. A lost connection: `CONNECTION_LOST`. `delivered` of the error tells whether a handler may have begun.
   * Also rejects with `QUEUE_FULL`, `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `DECODE_FAILED`, `UNSUPPORTED`, `REPLY_STREAMED`, `CLOSED`.
   */
  request<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options?: RequestOptions<BodyInput<M, N>>,
  ): Promise<Reply<M, N>> {
    return promised(() => {
      this.#checkRequest(name)
      return this.#conversation.exchange.value(name, payload, options)
    })
  }

  /** As {@link request}, and resolves with all that the answer has: its headers, and a value or a stream. */
  call<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options?: RequestOptions<BodyInput<M, N>>,
  ): Promise<Answer<Reply<M, N>>> {
    return promised(() => {
      this.#checkRequest(name)
      return this.#conversation.exchange.request(name, payload, options)
    })
  }

  /**
   * Asks the server, and gives what its handler streams, chunk by chunk: the handler gets no further ahead than a window. The request is
   * sent when the first chunk is asked for. A reply that is one value is a stream of one. No `timeout` unless one is given, and then for
   * all of it. Leaving the loop cancels the request. Errors as with {@link request}, from the loop; wrong arguments throw at once.
   */
  stream<N extends RequestName<M>>(
    name: N,
    payload: PayloadInput<M, N>,
    options?: RequestOptions<BodyInput<M, N>>,
  ): AsyncIterableIterator<Reply<M, N>, undefined> {
    this.#checkRequest(name)
    return this.#conversation.exchange.stream(name, payload, options) as AsyncIterableIterator<Reply<M, N>, undefined>
  }

  /**
   * Sends the server a message, which has no answer: resolves when nothing but its turn to be written is left to wait for. Calls that are
   * ahead of the connection wait longer: `timeout` → `QUEUE_FULL`, `signal` → its reason, and then it was not sent. Also rejects with
   * `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `UNSUPPORTED`, `CLOSED`, `CONNECTION_LOST`. Nothing tells whether it arrives: what must is an item.
   */
  async send<N extends MessageName<M>>(name: N, payload: PayloadInput<M, N>, options?: SendOptions): Promise<void> {
    this.#checkMessage(name)
    await this.#conversation.exchange.send(name, payload, options)
  }

  /** {@link send}, of a payload that the message's codec has encoded already; nothing checks it here. */
  async sendEncoded(name: MessageName<M>, payload: Uint8Array, options?: SendOptions): Promise<void> {
    this.#checkMessage(name)
    await this.#conversation.exchange.sendEncoded(name, payload, options)
  }

  /**
   * Makes no more requests: new ones reject with `CLOSED`, and the server is told so behind the last one. Resolves when those that were
   * made are answered. Items, messages, and what the server asks go on.
   */
  async endRequests(): Promise<void> {
    this.#checkOpen()
    await this.#conversation.exchange.endRequests()
  }

  /**
   * Tells the server something about this client, for its dispatch policy and its users: any value that JSON carries. Of several in
   * one turn the last one is told. Throws `CLOSED` and `CONNECTION_LOST`, and a `TypeError` for what JSON does not carry.
   */
  setStatus(status: unknown): void {
    this.#checkOpen()
    this.#link.setStatus(statusFrom(status))
  }

  /**
   * Ends the client: no new items, puts and requests, loops end, handlers may finish, what waits unstarted goes back, and the server
   * receives what was put, calls that wait included; requests that are open are answered. When time is up, handlers' signals fire and
   * their items go back. Resolves when nothing is left open. A second call waits for the same end, and no longer than its own `timeout`.
   */
  async close({ timeout = 5_000, reason = '', notify = true }: CloseOptions = {}): Promise<void> {
    checkMs('timeout', timeout)
    this.#isDismissed = false
    if (!notify) this.#connection.cut(closedError())
    if (this.#closing !== undefined) this.#drain.limit(timeout)
    this.#closing ??= this.#close(timeout, reason)
    await this.#closing
  }

  /** {@link close}, and throws `DRAIN_INCOMPLETE` when a handler outlived its signal or the server has not received a put. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    const { undone } = await this.closed
    if (undone.length > 0) {
      const message = `${undone.length} items were put, and the server did not say that it received them`
      throw new NetQueueError('DRAIN_INCOMPLETE', message, { undone })
    }
    if (this.#isOutlived) throw new NetQueueError('DRAIN_INCOMPLETE', 'A handler outlived its signal')
  }

  async #close(timeout: number, reason: string): Promise<void> {
    if (this.#state === 'connected') await this.#leave(timeout, reason)
    await this.#connection.done
  }

  async #leave(timeout: number, reason: string): Promise<void> {
    const { intake } = this.#link
    this.#state = 'closing'
    this.#ticks.end()
    this.#inbox.close(closedError())
    this.#inbox.handBack()
    this.#link.goaway('CLOSED', reason)
    this.#conversation.drain()
    await this.#drain.run(timeout, () => this.#revoke(closedError()))
    this.#isOutlived = intake.handedOut > 0 || this.#conversation.serving > 0
    intake.handBack(closedError())
    this.#connection.end()
  }

  /** Time is up: the signals of all handlers at work fire. */
  #revoke(reason: NetQueueError): void {
    this.#link.intake.revoke(reason)
    this.#conversation.revoke(reason)
  }

  /** Nothing is left to be handed back, to be sent, to be acknowledged, or to be answered. */
  get #isDone(): boolean {
    const { intake, outbox } = this.#link
    const isSettled = intake.handedOut === 0 && this.#line.size === 0 && outbox.isAcknowledged
    return isSettled && this.#conversation.isQuiet
  }

  #wake(): void {
    this.#connection.wake()
    this.#drain.check()
  }

  #entry(item: Out): Entry {
    if (!this.#isAnswering) this.#checkOpen()
    const { peer, outbox } = this.#link
    const entry = new Entry(
      item,
      encodeWithin(this.#codec, item, Math.min(this.#maxItemBytes, peer?.maxItemBytes ?? this.#maxItemBytes)),
    )
    if (outbox.carries(entry)) return entry
    throw new NetQueueError(
      'UNSUPPORTED',
      `The protocol ${peer?.protocol} cannot carry this item: it takes text of at most 99,000 bytes without a newline`,
      { delivered: 'no' },
    )
  }

  /** The server drains, and an item of its is in hand: what is put now is what was made of it. */
  get #isAnswering(): boolean {
    return this.#state === 'closing' && this.#isDismissed && !this.#link.intake.isSettled
  }

  #checkOpen(): void {
    if (this.#state !== 'connected') throw this.#error ?? closedError()
  }

  #opened(attempt: Attempt<Client<In, Out, M>>): void {
    this.#serverStatus = this.#link.peer?.status
    this.#logger.debug({ client: this.#id, server: this.#link.id }, 'connected')
    this.#link.ping()
    attempt.opened(this)
  }

  #checkRequest(name: string): void {
    this.#checkOpen()
    this.#talk.checkRequest(name)
  }

  #checkMessage(name: string): void {
    this.#checkOpen()
    this.#talk.checkMessage(name)
  }

  #owner(attempt: Attempt<Client<In, Out, M>>): LinkOwner {
    return {
      changed: () => {
        this.#line.advance()
        this.#drain.check()
      },
      settled: (link, entry, settlement) => this.#redelivery.settled(entry, link.id, settlement),
      status: (_link, status) => {
        this.#serverStatus = status
        this.#events.emit('status', { status })
      },
      goaway: (_link, code) => {
        this.#events.emit('goaway', { code })
        // The server decides how long it waits; it ends the connection when its time is up.
        this.#isDismissed = this.#closing === undefined
        this.#closing ??= this.#close(Number.POSITIVE_INFINITY, '')
      },
      closed: (link, error, { sent, queued }) => {
        attempt.closed(error)
        // A server that said goodbye keeps what it received; one that was lost may be gone with it.
        const unknown = error === undefined ? sent.filter((entry) => !link.outbox.hasReceived(entry)) : sent
        this.#ended(error, [...unknown, ...queued])
      },
      warn: (error) => this.#warn(error),
    }
  }

  #ended(error: NetQueueError | undefined, entries: Entry[]): void {
    const reason = error ?? closedError()
    this.#state = 'closed'
    this.#error = reason
    this.#logger.debug({ client: this.#id, code: reason.code }, 'disconnected')
    const undone = [...entries, ...this.#redelivery.close(), ...this.#line.close(reason)]
    this.#inbox.close(reason)
    this.#drain.end()
    this.#deadlines.close()
    this.#ticks.end()
    const end = reason.code === 'CLOSED' ? {} : { error: reason }
    this.#events.emit('disconnect', end)
    this.#events.close()
    this.#talk.close()
    this.#resolveEnded({ ...end, undone: undone.map(({ item }) => item as Out) })
  }

  #warn(error: NetQueueError): void {
    this.#logger.warn({ client: this.#id, code: error.code }, error.message)
    this.#events.emit('warning', { error })
  }
}

const isDuplex = (address: unknown): address is ByteDuplex =>
  typeof (Object(address) as Partial<ByteDuplex>).sink === 'function'

const closedError = (): NetQueueError => new NetQueueError('CLOSED', 'The client is closed', { delivered: 'no' })
