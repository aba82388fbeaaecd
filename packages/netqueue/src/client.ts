import type { Sink, Source } from 'it-stream-types'
import { Connection } from './connection/connection.ts'
import { Consumer } from './delivery/consumer.ts'
import type { DeadLetters } from './delivery/dead-letters.ts'
import { Entry } from './delivery/entry.ts'
import { Inbox } from './delivery/inbox.ts'
import { Line } from './delivery/line.ts'
import { Link } from './delivery/link.ts'
import type { LinkOwner } from './delivery/link.ts'
import { Redelivery } from './delivery/redelivery.ts'
import type { RedeliveryOptions } from './delivery/redelivery.ts'
import { Drain } from './drain.ts'
import type { Env } from './env/env.ts'
import { host } from './env/host.ts'
import { checkInteger, checkMs } from './errors/check.ts'
import { NetQueueError } from './errors/errors.ts'
import { Emitter } from './events/emitter.ts'
import type { Listener } from './events/emitter.ts'
import { codecFrom, encodeWithin } from './message/codec.ts'
import type { Codec, Shape } from './message/codec.ts'
import { limitsFrom } from './options/limits.ts'
import type { Limits } from './options/limits.ts'
import { silent } from './options/logger.ts'
import type { Logger } from './options/logger.ts'
import { native } from './protocol/net-queue/net-queue.ts'
import type { Protocol } from './protocol/protocol.ts'
import { checkWait, Pending } from './queue/pending.ts'
import type { WaitOptions } from './queue/pending.ts'
import { chooseTransport, defaultTransports } from './transport/index.ts'
import type { ByteDuplex, DialOptions, Transport } from './transport/index.ts'

export interface ClientOptions<In, Out> extends RedeliveryOptions, DialOptions {
  /** What the server sends: a codec or a Standard Schema. Both sides must name the same codec. @default msgpack */
  item?: Shape<In>
  /** What this client puts, and what its handlers return. @default msgpack */
  result?: Shape<Out>
  /** Names this client at the server; one that is taken is refused (`ID_IN_USE`). @default the server gives one */
  id?: string
  /** What this client is good for; `prefer` chooses by it. @default none */
  tags?: readonly string[]
  /** The first status; see {@link Client.setStatus}. @default none */
  status?: unknown
  /** Items that may wait here beyond those that are asked for: hides the way to the server, and hoards work. @default 1, which keeps none */
  prefetch?: number
  /** Milliseconds until `connect` gives up, introductions included (`CONNECT_FAILED`). @default 10_000 */
  connectTimeoutMs?: number
  /** Whether the texts of handlers' errors travel to the server; their codes always do. @default false, since they may hold secrets */
  exposeErrors?: boolean
  /** What is spoken; `netQueue()` for an original server. @default netqueue/1 */
  protocol?: Protocol
  /** With a duplex: whether closing the client ends it. @default true */
  closeDuplex?: boolean
  limits?: Partial<Limits>
  transports?: readonly Transport[]
  logger?: Logger
  env?: Env
}

export interface ClientEvents {
  /** The server changed its status. */
  status: { status: unknown }
  /** The server drains: no more items come, and the client closes when its work is done. */
  goaway: { code: string }
  /** Something that nobody waits for went wrong; nothing was lost by it. */
  warning: { error: NetQueueError }
}

/** How a client's life ended. */
export interface Closed<Out> {
  /** Why it ended, where that was not asked for. */
  error?: NetQueueError
  /** Items whose `put` had resolved and that the server never settled: it may or may not have them. */
  undone: Out[]
}

export interface CloseOptions {
  /** Milliseconds for handlers to finish and for the server to receive what was put; then handlers' signals fire. @default 5_000 */
  timeout?: number
  /** Tells the server. `false` cuts the connection without a word, for a server that is known to be gone. @default true */
  notify?: boolean
}

/**
 * Connects to a server. The address is `tcp://host:port`, `unix:/path` or `memory:name`, or a duplex of bytes that exists already.
 * Rejects with `CONNECT_FAILED`, with the reason for which the server refused (`CODEC_MISMATCH`, `ID_IN_USE` …), or with the signal's reason.
 */
export async function connect<In = unknown, Out = unknown>(
  address: string | ByteDuplex,
  options: ClientOptions<In, Out> = {},
): Promise<Client<In, Out>> {
  const { env = host, connectTimeoutMs = 10_000, signal, transports = defaultTransports } = options
  checkMs('connectTimeoutMs', connectTimeoutMs)
  signal?.throwIfAborted()
  const stop = new AbortController()
  const name = typeof address === 'string' ? address : (address.remoteAddress ?? 'the duplex')
  const opened = new Pending<Client<In, Out>>({
    env,
    signal,
    timeout: connectTimeoutMs,
    timedOut: () =>
      new NetQueueError('CONNECT_FAILED', `No connection to ${name} within ${connectTimeoutMs} ms (connectTimeoutMs)`, {
        limit: 'connectTimeoutMs',
        value: connectTimeoutMs,
      }),
    withdrawn: () => stop.abort(new NetQueueError('CLOSED', 'The attempt was given up')),
  })
  const dial = async (): Promise<ByteDuplex> => {
    if (typeof address !== 'string') return address
    return chooseTransport(address, transports).connect(address, { ...options, signal: stop.signal })
  }
  const begin = async (): Promise<void> => {
    const duplex = await dial()
    try {
      new Client<In, Out>(duplex, options, { opened, giveUp: stop.signal })
    } catch (error) {
      duplex.abort?.(error as Error)
      throw error
    }
  }
  begin().catch((error: unknown) => opened.reject(error))
  return opened.promise
}

/** One connection to a server: takes items from it, by {@link Consumer}, and puts items to it. */
export class Client<In = unknown, Out = unknown> extends Consumer<In> implements AsyncDisposable {
  /** Resolves when the client's life ended, however it ended; never rejects. */
  readonly closed: Promise<Closed<Out>>
  readonly #env: Env
  readonly #limits: Limits
  readonly #codec: Codec<Out>
  readonly #logger: Logger
  readonly #events: Emitter<ClientEvents> = new Emitter()
  readonly #inbox: Inbox
  readonly #line: Line
  readonly #link: Link
  readonly #connection: Connection
  readonly #redelivery: Redelivery<Out>
  readonly #drain: Drain
  #id: string
  #serverStatus: unknown
  #state: 'connected' | 'closing' | 'closed' = 'connected'
  #end: NetQueueError | undefined
  #closing: Promise<void> | undefined
  #resolveClosed!: (closed: Closed<Out>) => void

  /** @internal Use {@link connect}. */
  constructor(
    duplex: ByteDuplex,
    options: ClientOptions<In, Out>,
    { opened, giveUp }: { opened: Pending<Client<In, Out>>; giveUp: AbortSignal },
  ) {
    const {
      env = host,
      prefetch = 1,
      id = '',
      tags = [],
      protocol = native(),
      logger = silent,
      exposeErrors = false,
      closeDuplex,
    } = options
    checkInteger('prefetch', prefetch, 1, options.limits?.maxUnsettled)
    const warn = (error: NetQueueError): void => this.#warn(error)
    const inbox = new Inbox({ env, prefetch, countReaders: true, warn })
    super(inbox)
    this.#env = env
    this.#limits = limitsFrom(options.limits)
    this.#codec = codecFrom('result', options.result)
    this.#logger = logger
    this.#inbox = inbox
    this.#id = id
    this.#line = new Line(() => this.#link)
    this.#redelivery = new Redelivery<Out>({
      env,
      warn,
      options,
      requeue: (entry) => this.#line.requeue(entry),
      gone: () => this.#drain.check(),
      buried: () => {},
    })
    const codec = codecFrom('item', options.item)
    this.#link = new Link({
      env,
      inbox,
      codec,
      exposeErrors,
      limits: this.#limits,
      resultCodec: this.#codec as Codec<unknown>,
      maxAttempts: this.#redelivery.maxAttempts,
      keepsReceived: false,
      owner: this.#owner(opened),
      oldestWaiting: () => this.#line.oldestOrdinal,
      wake: () => {
        this.#connection.wake()
        this.#drain.check()
      },
    })
    this.#drain = new Drain(
      env,
      () => this.#link.intake.isSettled && this.#line.size === 0 && this.#link.outbox.isAcknowledged,
    )
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve))
    this.#connection = new Connection(duplex, {
      role: 'client',
      protocol,
      env,
      closeDuplex,
      introduction: {
        id,
        tags,
        status: options.status,
        item: codec.name,
        result: this.#codec.name,
        nonce: env.randomBytes(16),
      },
      limits: this.#limits,
      session: this.#link,
      identify: (given) => (this.#id = given),
    })
    if (giveUp.aborted) this.#connection.cut()
    else giveUp.addEventListener('abort', () => this.#connection.cut(), { once: true })
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

  /** Items of this client that nobody could use: refused by the server's side, or tried `maxAttempts` times. */
  get deadLetters(): DeadLetters<Out> {
    return this.#redelivery.deadLetters
  }

  /** Listens to news; returns the function that stops it. */
  on<K extends keyof ClientEvents>(type: K, listener: Listener<ClientEvents[K]>): () => void {
    return this.#events.on(type, listener)
  }

  /**
   * Hands an item to the server: resolves when the server has credit for it. `timeout` → `QUEUE_FULL`, `signal` → its reason, and
   * then the item was certainly not sent. Also rejects with `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `UNSUPPORTED`, `CLOSED`, `CONNECTION_LOST`.
   * The item must not be changed afterwards: it is sent again if the server hands it back.
   */
  async put(item: Out, options: WaitOptions = {}): Promise<void> {
    checkWait(options)
    const entry = this.#entry(item)
    this.#line.put(entry)
    if (entry.state !== 'waiting') return
    if (this.#line.size > this.#limits.maxWaiting) {
      this.#line.withdraw(entry)
      throw tooManyWaiting(this.#limits.maxWaiting)
    }
    entry.assigned = new Pending<void>({
      ...options,
      env: this.#env,
      timedOut: () =>
        new NetQueueError(
          'QUEUE_FULL',
          `The server had no credit for the item within ${options.timeout} ms (timeout)`,
          { limit: 'timeout', value: options.timeout, delivered: 'no' },
        ),
      withdrawn: () => this.#line.withdraw(entry),
    })
    await entry.assigned.promise
  }

  /** Hands an item to the server if that takes no waiting; tells whether it did. */
  tryPut(item: Out): boolean {
    const entry = this.#entry(item)
    if (this.#line.size > 0 || this.#link.outbox.credit <= 0) return false
    this.#line.put(entry)
    return true
  }

  /** Puts all items of a source, one after the other. */
  async putAll(items: Source<Out>, options: WaitOptions = {}): Promise<void> {
    for await (const item of items) await this.put(item, options)
  }

  /** The sink of an it-pipe duplex: {@link putAll}. */
  get sink(): Sink<Source<Out>, Promise<void>> {
    return (source) => this.putAll(source)
  }

  /** Tells the server something about this client, which its dispatch policy and its users see: any value that JSON carries. */
  setStatus(status: unknown): void {
    if (this.#state !== 'connected') throw this.#refusal()
    this.#link.setStatus(status)
  }

  /**
   * Ends the client: no new items, loops end, handlers may finish, what waits goes back, and the server receives what was put. When
   * time is up, handlers' signals fire and their items go back. Resolves when nothing is left open.
   */
  async close({ timeout = 5_000, notify = true }: CloseOptions = {}): Promise<void> {
    checkMs('timeout', timeout)
    if (this.#state === 'closed') return this.#connection.done
    if (!notify) this.#connection.cut(new NetQueueError('CLOSED', 'The client was closed without a goodbye'))
    this.#closing ??= this.#close(timeout)
    await this.#closing
  }

  /** {@link close}, and throws `DRAIN_INCOMPLETE` when a handler outlived its signal or the server has not received a put. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    this.#drain.assertComplete()
  }

  async #close(timeout: number): Promise<void> {
    if (this.#state === 'connected') {
      this.#state = 'closing'
      this.#inbox.close(new NetQueueError('CLOSED', 'The client is closed'))
      this.#inbox.handBack()
      this.#link.goaway('CLOSED')
      await this.#drain.run(timeout, {
        revoke: () => this.#link.intake.revoke(new NetQueueError('CLOSED', 'The time to finish is over')),
      })
      this.#link.intake.handBack(new NetQueueError('CLOSED', 'The client is closed'))
      this.#rejectWaiting(this.#refusal())
      this.#connection.end()
    }
    await this.#connection.done
  }

  #entry(item: Out): Entry {
    if (this.#state !== 'connected') throw this.#refusal()
    const entry = new Entry(
      item,
      encodeWithin(
        this.#codec,
        item,
        Math.min(this.#limits.maxItemBytes, this.#link.peer?.maxItemBytes ?? Number.POSITIVE_INFINITY),
      ),
    )
    if (this.#link.outbox.carries(entry)) return entry
    throw new NetQueueError(
      'UNSUPPORTED',
      `The protocol ${this.#link.peer?.protocol} cannot carry this item: it takes text without a newline`,
      { delivered: 'no' },
    )
  }

  #refusal(): NetQueueError {
    return this.#end ?? new NetQueueError('CLOSED', 'The client is closed', { delivered: 'no' })
  }

  #rejectWaiting(error: NetQueueError): void {
    for (const { assigned } of this.#line.close()) assigned?.reject(error)
  }

  #owner(opened: Pending<Client<In, Out>>): LinkOwner {
    return {
      opened: (link) => {
        this.#serverStatus = link.peer?.status
        this.#logger.debug({ client: this.#id, server: link.from.id }, 'connected')
        link.ping()
        opened.resolve(this)
      },
      changed: () => {
        this.#line.advance()
        this.#drain.check()
      },
      settled: (link, entry, settlement) => this.#redelivery.settled(entry, link.from.id, settlement),
      status: (_link, status) => {
        this.#serverStatus = status
        this.#events.emit('status', { status })
      },
      goaway: (_link, code) => {
        this.#events.emit('goaway', { code })
        // The server decides how long it waits; it ends the connection when its time is up.
        this.#closing ??= this.#close(Number.POSITIVE_INFINITY)
      },
      closed: (_link, error, { sent, queued }) => this.#ended(opened, error, [...sent, ...queued]),
      warn: (error) => this.#warn(error),
    }
  }

  #ended(opened: Pending<Client<In, Out>>, error: NetQueueError | undefined, entries: readonly Entry[]): void {
    const reason = error ?? new NetQueueError('CLOSED', 'The connection was closed')
    this.#state = 'closed'
    this.#end = error
    this.#logger.debug({ client: this.#id, code: reason.code }, 'disconnected')
    opened.reject(
      reason.code === 'CONNECTION_LOST'
        ? new NetQueueError('CONNECT_FAILED', reason.message, { cause: reason })
        : reason,
    )
    const undone = [...entries, ...this.#redelivery.close(), ...this.#takeHandedBack()]
    this.#inbox.close(reason)
    this.#rejectWaiting(reason)
    this.#drain.end({ undone: undone.length })
    this.#resolveClosed({ ...(error !== undefined && { error }), undone: undone.map(({ item }) => item as Out) })
  }

  /** Items that the server handed back, and that did not leave again. */
  #takeHandedBack(): Entry[] {
    return this.#line.close().filter((entry) => {
      entry.assigned?.reject(this.#refusal())
      return entry.ordinal === 0
    })
  }

  #warn(error: NetQueueError): void {
    this.#logger.warn({ client: this.#id, code: error.code }, error.message)
    this.#events.emit('warning', { error })
  }
}

export function tooManyWaiting(maxWaiting: number): NetQueueError {
  return new NetQueueError('QUEUE_FULL', `${maxWaiting} items wait already (maxWaiting)`, {
    limit: 'maxWaiting',
    value: maxWaiting,
    delivered: 'no',
  })
}
