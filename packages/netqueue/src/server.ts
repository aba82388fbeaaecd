import type { Sink, Source } from 'it-stream-types'
import { tooManyWaiting } from './client.ts'
import { Connection } from './connection/connection.ts'
import { Consumer } from './delivery/consumer.ts'
import type { DeadLetters } from './delivery/dead-letters.ts'
import { Entry } from './delivery/entry.ts'
import { Inbox } from './delivery/inbox.ts'
import { Link } from './delivery/link.ts'
import type { LinkOwner } from './delivery/link.ts'
import { Redelivery } from './delivery/redelivery.ts'
import type { RedeliveryOptions } from './delivery/redelivery.ts'
import { Dispatcher } from './dispatch/dispatcher.ts'
import type { Candidate } from './dispatch/free-clients.ts'
import { leastBusy } from './dispatch/policies.ts'
import type { ChooseDispatch, DispatchPolicy } from './dispatch/policies.ts'
import type { Env } from './env/env.ts'
import { host } from './env/host.ts'
import { checkInteger, checkMs } from './errors/check.ts'
import { NetQueueError } from './errors/errors.ts'
import { Emitter } from './events/emitter.ts'
import type { Listener as EventListener } from './events/emitter.ts'
import { mapThrough } from './map.ts'
import type { MapOptions, MapOutcome } from './map.ts'
import { codecFrom, decodeWith, encodeWithin } from './message/codec.ts'
import type { Codec, Shape } from './message/codec.ts'
import { limitsFrom } from './options/limits.ts'
import type { Limits } from './options/limits.ts'
import { silent } from './options/logger.ts'
import type { Logger } from './options/logger.ts'
import { native } from './protocol/net-queue/net-queue.ts'
import type { Protocol } from './protocol/protocol.ts'
import { checkWait, Pending } from './queue/pending.ts'
import type { WaitOptions } from './queue/pending.ts'
import { ConnectedClient } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import { chooseTransport, defaultTransports } from './transport/index.ts'
import type { ByteDuplex, Listener, Transport } from './transport/index.ts'

export interface ServerOptions<Item, Result> extends RedeliveryOptions {
  /** What this server puts: a codec or a Standard Schema. Both sides must name the same codec. @default msgpack */
  item?: Shape<Item>
  /** What clients put, and what their handlers return. @default msgpack */
  result?: Shape<Result>
  /** Chooses who gets an item: a policy of ours, or a function. @default leastBusy() */
  chooseDispatch?: ChooseDispatch<Item, ServerClient> | DispatchPolicy<Item, ServerClient>
  /** Whether an original net-queue client may get items, judged by its status. @default always */
  ready?: (client: ServerClient) => boolean
  /** Items that each client may have waiting here once anything is read. @default 256: what waits here has nowhere else to go, so depth costs only memory */
  prefetch?: number
  /** This server's name, for its clients' `delivery.from`. @default a random one */
  id?: string
  /** The first status; see {@link Server.setStatus}. @default none */
  status?: unknown
  /** Listens on addresses that other machines reach although nothing authenticates clients. @default false: `INSECURE_LISTEN` */
  insecure?: boolean
  /** Whether the texts of errors of handlers on this side travel to clients; their codes always do. @default false */
  exposeErrors?: boolean
  limits?: Partial<Limits>
  transports?: readonly Transport[]
  logger?: Logger
  env?: Env
}

export interface ServerEvents<Item> {
  connect: { client: ServerClient }
  /** A client is gone; no error where both sides said goodbye. `unsettled` items went back to the backlog. */
  disconnect: { client: ServerClient; unsettled: number; error?: NetQueueError }
  /** A client changed its status. */
  status: { client: ServerClient; status: unknown }
  /** An item was given up. */
  deadLetter: { item: Item }
  /** Something that nobody waits for went wrong: a peer was refused, a settle came too late … */
  warning: { error: NetQueueError; client?: ServerClient }
}

export interface PutOptions extends WaitOptions {
  /** One client, several, or all that are connected now: each gets the item. @default whoever is free */
  to?: ServerClient | readonly ServerClient[] | 'all' | undefined
  /** With `to`: those who do not get it. */
  except?: readonly ServerClient[] | undefined
}

export interface SubmitOptions extends WaitOptions {
  /** The one client that may do it. @default whoever is free */
  to?: ServerClient | undefined
}

export interface ServerCloseOptions {
  /** Milliseconds for clients to finish and to leave; then their work is cancelled. @default 5_000 */
  timeout?: number
  /** Why: clients of a server that restarts may come back. @default 'closed' */
  reason?: 'closed' | 'restart'
}

/** Items whose `put` had resolved and that no client settled. */
export interface Undone<Item> {
  undone: Item[]
}

/**
 * Listens at an address: `tcp://host:port`, `unix:/path` or `memory:name`; port 0 lets the system choose, see {@link Server.address}.
 * Without an address the server takes only what {@link Server.accept} gives it. Rejects with `LISTEN_FAILED`, and with
 * `INSECURE_LISTEN` for addresses off loopback, unless `insecure` is set.
 */
export async function listen<Item = unknown, Result = unknown>(
  address?: string,
  options: ServerOptions<Item, Result> = {},
): Promise<Server<Item, Result>> {
  const server = new Server<Item, Result>(options)
  if (address === undefined) return server
  const { transports = defaultTransports, insecure = false } = options
  const transport = chooseTransport(address, transports)
  if (transport.exposed(address) && !insecure) {
    throw new NetQueueError(
      'INSECURE_LISTEN',
      `${address} can be reached from other machines and nothing authenticates clients; set \`insecure: true\` to listen all the same`,
      { limit: 'insecure', value: address },
    )
  }
  server.listenOn(await transport.listen(address))
  return server
}

/** Hands items to whichever client is free, and takes what clients put, by {@link Consumer}. */
export class Server<Item = unknown, Result = unknown> extends Consumer<Result> implements AsyncDisposable {
  /** Resolves when the server is closed; never rejects. */
  readonly closed: Promise<Undone<Item>>
  readonly #options: ServerOptions<Item, Result>
  readonly #env: Env
  readonly #limits: Limits
  readonly #id: string
  readonly #codec: Codec<Item>
  readonly #resultCodec: Codec<Result>
  readonly #protocol: Protocol = native()
  readonly #logger: Logger
  readonly #events: Emitter<ServerEvents<Item>> = new Emitter()
  readonly #inbox: Inbox
  readonly #dispatcher: Dispatcher<Item, ServerClient>
  readonly #redelivery: Redelivery<Item>
  readonly #seats: Map<Link, Seat> = new Map()
  readonly #connections: Set<Connection> = new Set()
  readonly #idle: Set<() => void> = new Set()
  #listener: Listener | undefined
  #status: unknown
  #open = 0
  #isClosing = false
  #closing: Promise<Undone<Item>> | undefined
  #resolveClosed!: (undone: Undone<Item>) => void

  /** @internal Use {@link listen}. */
  constructor(options: ServerOptions<Item, Result>) {
    const { env = host, prefetch = 256, chooseDispatch = leastBusy<Item, ServerClient>(), logger = silent } = options
    checkInteger('prefetch', prefetch, 1)
    const warn = (error: NetQueueError): void => this.#warn(error)
    const inbox = new Inbox({ env, prefetch, countReaders: false, warn })
    super(inbox)
    this.#options = options
    this.#env = env
    this.#limits = limitsFrom(options.limits)
    this.#id = options.id ?? `server-${randomName(env)}`
    this.#codec = codecFrom('item', options.item)
    this.#resultCodec = codecFrom('result', options.result)
    this.#logger = logger
    this.#inbox = inbox
    this.#status = options.status
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve))
    this.#redelivery = new Redelivery<Item>({
      env,
      warn,
      options,
      requeue: (entry) => this.#requeue(entry),
      gone: () => this.#gone(),
      buried: ({ item }) => this.#events.emit('deadLetter', { item: item as Item }),
    })
    this.#dispatcher = new Dispatcher<Item, ServerClient>({
      policy: chooseDispatch,
      assigned: (entry) => entry.assigned?.resolve(),
      unreachable: (entry, id) => this.#unreachable(entry, id),
      warn,
    })
  }

  /** Where clients connect, with the port that the system chose; `undefined` for a server without a listener. */
  get address(): string | undefined {
    return this.#listener?.address
  }

  get id(): string {
    return this.#id
  }

  /** The connected clients, in the order in which they came. */
  get clients(): readonly ServerClient[] {
    return this.#dispatcher.clients
  }

  /** Items that wait for a client. */
  get backlog(): number {
    return this.#dispatcher.size + this.#redelivery.delayed
  }

  get state(): 'listening' | 'closing' | 'closed' {
    if (!this.#isClosing) return 'listening'
    return this.#connections.size > 0 ? 'closing' : 'closed'
  }

  /** Items that were refused, or tried `maxAttempts` times. */
  get deadLetters(): DeadLetters<Item> {
    return this.#redelivery.deadLetters
  }

  /** Listens to news; returns the function that stops it. */
  on<K extends keyof ServerEvents<Item>>(type: K, listener: EventListener<ServerEvents<Item>[K]>): () => void {
    return this.#events.on(type, listener)
  }

  /**
   * Takes a duplex of bytes as a client's connection. Resolves when it has introduced itself; rejects with the reason for which it was
   * refused. `closeDuplex: false` leaves the duplex usable afterwards.
   */
  accept(duplex: ByteDuplex, { closeDuplex }: { closeDuplex?: boolean } = {}): Promise<ServerClient> {
    const refusal = this.#refuseConnection()
    if (refusal !== undefined) {
      if (closeDuplex !== false) duplex.abort?.(refusal)
      return Promise.reject(refusal)
    }
    return new Promise((resolve, reject) => this.#connect(duplex, { closeDuplex, resolve, reject }))
  }

  /** @internal Takes every connection that a listener has. */
  listenOn(listener: Listener): void {
    this.#listener = listener
    void this.#acceptAll(listener)
  }

  /**
   * Hands an item to a client: resolves when one with credit has been chosen. `timeout` → `QUEUE_FULL`, `signal` → its reason, and then
   * the item was certainly not delivered. Also rejects with `CLOSED`, `ITEM_TOO_LARGE`, `ENCODE_FAILED`, `CLIENT_GONE`.
   *
   * With `to`, each client named gets the item, and the call waits for all of them: a client that stalls holds it up until
   * `timeout`, when those that have not been given it are named in the error and do not get it. A client that leaves first does not get it
   * either. What was given to a client that is then lost becomes a dead letter. The item must not be changed afterwards.
   */
  async put(item: Item, { to, except = [], ...wait }: PutOptions = {}): Promise<void> {
    checkWait(wait)
    const payload = this.#encode(item)
    if (to === undefined) return this.#put(this.#entry(item, payload), wait)
    const targets = (to === 'all' ? this.clients : 'id' in to ? [to] : to).filter((client) => !except.includes(client))
    const outcomes = await Promise.allSettled(targets.map((target) => this.#putTo(item, payload, target, wait)))
    const failed = outcomes.flatMap((outcome, index) =>
      outcome.status === 'rejected'
        ? [{ id: (targets[index] as ServerClient).id, error: outcome.reason as unknown }]
        : [],
    )
    const [first] = failed
    if (first === undefined) return
    if (targets.length === 1 || !(first.error instanceof NetQueueError)) throw first.error
    const { code, message } = first.error
    throw new NetQueueError(code, `${failed.length} of ${targets.length} clients did not get the item: ${message}`, {
      undone: failed.map(({ id }) => id),
      cause: first.error,
    })
  }

  /** Hands an item to a client if one is free now; tells whether it did. A policy that answers with a promise is never in time. */
  tryPut(item: Item): boolean {
    const entry = this.#entry(item, this.#encode(item))
    if (this.#dispatcher.wouldWait) return false
    this.#enter(entry)
    if (entry.state !== 'waiting') return true
    this.#withdraw(entry)
    return false
  }

  /**
   * Hands an item to a client and waits for its result. A handler that throws rejects this with `RemoteError`; losses are retried, then
   * `DEAD_LETTER`. `timeout` and `signal` before a client has it: `QUEUE_FULL` and the signal's reason; after that the handler's signal
   * fires, and the errors `TIMEOUT` and `ABORTED` say `delivered: 'maybe'`. An item that is settled without a result: `NO_RESULT`.
   */
  async submit(item: Item, options: SubmitOptions = {}): Promise<Result> {
    const { result } = await this.#submit(item, options)
    return result
  }

  /**
   * Submits every item of a source and yields the results, in the order of the source unless `ordered: false`. A failure ends it and
   * cancels the rest; with `settled: true` each result comes as an outcome instead. At most `window` items are between source and reader.
   */
  map(source: Source<Item>, options: MapOptions & { settled: true }): AsyncGenerator<MapOutcome<Item, Result>>
  map(source: Source<Item>, options?: MapOptions): AsyncGenerator<Result>
  map(source: Source<Item>, options: MapOptions = {}): AsyncGenerator<Result | MapOutcome<Item, Result>> {
    return mapThrough(source, (item, signal) => this.#submit(item, { signal }), options)
  }

  /** Puts all items of a source, one after the other. */
  async putAll(items: Source<Item>, options: PutOptions = {}): Promise<void> {
    for await (const item of items) await this.put(item, options)
  }

  /** The sink of an it-pipe duplex: {@link putAll}. */
  get sink(): Sink<Source<Item>, Promise<void>> {
    return (source) => this.putAll(source)
  }

  /** Resolves when every item that was put is settled or a dead letter. */
  async idle(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#idle.add(resolve))
  }

  /** Tells all clients, and those that come, something about this server: any value that JSON carries. */
  setStatus(status: unknown): void {
    if (this.#isClosing) throw this.#closedError()
    this.#status = status
    for (const link of this.#seats.keys()) link.setStatus(status)
  }

  /**
   * Ends the server: takes no more connections and items, tells its clients, lets them finish and leave. When time is up, their work is
   * cancelled. Returns the items that were not done. What was received can still be read; then loops end.
   */
  close({ timeout = 5_000, reason = 'closed' }: ServerCloseOptions = {}): Promise<Undone<Item>> {
    checkMs('timeout', timeout)
    this.#closing ??= this.#close(timeout, reason === 'restart' ? 'RESTART' : 'CLOSED')
    return this.#closing
  }

  /** {@link close}, and throws `DRAIN_INCOMPLETE` when items are undone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { undone } = await this.close()
    if (undone.length === 0) return
    throw new NetQueueError('DRAIN_INCOMPLETE', `${undone.length} items were put and never settled`, { undone })
  }

  async #acceptAll(listener: Listener): Promise<void> {
    for await (const duplex of listener) {
      this.accept(duplex).catch((error: unknown) => {
        if (error instanceof NetQueueError && error.code === 'TOO_MANY_CONNECTIONS') this.#warn(error)
      })
    }
  }

  #refuseConnection(): NetQueueError | undefined {
    const { maxConnections } = this.#limits
    if (this.#isClosing) return this.#closedError()
    if (this.#connections.size < maxConnections) return undefined
    return new NetQueueError(
      'TOO_MANY_CONNECTIONS',
      `${maxConnections} clients are connected already (maxConnections)`,
      { limit: 'maxConnections', value: this.#connections.size + 1 },
    )
  }

  #connect(duplex: ByteDuplex, { closeDuplex, resolve, reject }: Acceptance): void {
    let connection: Connection | undefined
    const link = new Link({
      env: this.#env,
      limits: this.#limits,
      inbox: this.#inbox,
      codec: this.#resultCodec as Codec<unknown>,
      resultCodec: this.#codec as Codec<unknown>,
      exposeErrors: this.#options.exposeErrors ?? false,
      maxAttempts: this.#redelivery.maxAttempts,
      keepsReceived: true,
      owner: this.#owner(resolve, reject, () => connection as Connection, duplex.remoteAddress),
      oldestWaiting: () => Number.POSITIVE_INFINITY,
      wake: () => connection?.wake(),
    })
    connection = new Connection(duplex, {
      role: 'server',
      protocol: this.#protocol,
      introduction: {
        id: this.#id,
        tags: [],
        status: this.#status,
        item: this.#codec.name,
        result: this.#resultCodec.name,
        nonce: this.#env.randomBytes(16),
      },
      limits: this.#limits,
      env: this.#env,
      session: link,
      identify: (wanted) => this.#identify(wanted),
      closeDuplex,
    })
    this.#connections.add(connection)
    void connection.done.then(() => this.#connections.delete(connection))
  }

  #owner(
    resolve: (client: ServerClient) => void,
    reject: (error: unknown) => void,
    connection: () => Connection,
    address: string | undefined,
  ): LinkOwner {
    return {
      opened: (link) => resolve(this.#join(link, connection, address)),
      changed: (link) => this.#changed(link),
      settled: (link, entry, settlement) => this.#redelivery.settled(entry, link.from.id, settlement),
      status: (link, status) => this.#statusChanged(link, status),
      goaway: (link) => this.#peerDrains(link),
      closed: (link, error, entries) => {
        const seat = this.#seats.get(link)
        if (seat === undefined) return this.#refused(error, reject)
        this.#leave(link, seat, error, entries)
      },
      warn: (error) => this.#warn(error),
    }
  }

  #refused(error: NetQueueError | undefined, reject: (error: unknown) => void): void {
    const reason = error ?? new NetQueueError('CONNECTION_LOST', 'The peer left before it introduced itself')
    this.#warn(reason)
    reject(reason)
  }

  #join(link: Link, connection: () => Connection, address: string | undefined): ServerClient {
    const client = new ConnectedClient(link, connection, address)
    client.isConnected = true
    client.status = link.peer?.status
    const seat = new Seat(client, link, this.#options.ready)
    this.#seats.set(link, seat)
    this.#logger.debug({ client: client.id, address, protocol: client.protocol }, 'connected')
    if (link.peer?.supports.credit) link.ping()
    if (this.#isClosing) link.goaway('CLOSED')
    this.#dispatcher.join(seat)
    this.#events.emit('connect', { client })
    return client
  }

  #leave(
    link: Link,
    seat: Seat,
    error: NetQueueError | undefined,
    { sent, queued }: { sent: Entry[]; queued: Entry[] },
  ): void {
    const { client } = seat
    client.isConnected = false
    this.#seats.delete(link)
    // The newest goes back first, so that the oldest ends up at the head; the client is gone before they are offered to others.
    this.#dispatcher.leave(seat)
    for (const entry of queued.reverse()) this.#redelivery.lost(entry, client.id, { wasSent: false })
    for (const entry of sent.reverse()) this.#redelivery.lost(entry, client.id, { wasSent: true })
    const unsettled = sent.length + queued.length
    this.#logger.debug({ client: client.id, unsettled, code: error?.code }, 'disconnected')
    this.#events.emit('disconnect', { client, unsettled, ...(error !== undefined && { error }) })
  }

  #changed(link: Link): void {
    const seat = this.#seats.get(link)
    if (seat !== undefined) this.#dispatcher.changed(seat)
  }

  #statusChanged(link: Link, status: unknown): void {
    const seat = this.#seats.get(link)
    if (seat === undefined) return
    seat.client.status = status
    this.#events.emit('status', { client: seat.client, status })
    this.#dispatcher.changed(seat)
  }

  #peerDrains(link: Link): void {
    const seat = this.#seats.get(link)
    if (seat === undefined) return
    seat.isDraining = true
    this.#dispatcher.changed(seat)
  }

  #identify(wanted: string): string {
    if (wanted === '') return `client-${randomName(this.#env)}`
    if (!this.clients.some(({ id }) => id === wanted)) return wanted
    throw new NetQueueError('ID_IN_USE', `A client with the id ${JSON.stringify(wanted)} is connected already`, {
      limit: 'id',
      value: wanted,
    })
  }

  #encode(item: Item): Uint8Array {
    if (this.#isClosing) throw this.#closedError()
    return encodeWithin(this.#codec, item, this.#limits.maxItemBytes)
  }

  #entry(item: Item, payload: Uint8Array, target?: ServerClient): Entry {
    const entry = new Entry(item, payload)
    entry.target = target
    return entry
  }

  async #put(entry: Entry, wait: WaitOptions): Promise<void> {
    this.#checkRoom()
    this.#enter(entry)
    if (entry.state !== 'waiting') return
    entry.assigned = new Pending<void>({
      ...wait,
      env: this.#env,
      timedOut: () => this.#full(entry, wait.timeout),
      withdrawn: () => this.#withdraw(entry),
    })
    await entry.assigned.promise
  }

  async #putTo(item: Item, payload: Uint8Array, target: ServerClient, wait: WaitOptions): Promise<void> {
    if (!target.isConnected) throw clientGone(target.id)
    const entry = this.#entry(item, payload, target)
    if (this.#seatOf(target)?.carries(entry) === false) {
      throw new NetQueueError(
        'UNSUPPORTED',
        `The protocol ${target.protocol} of client ${target.id} cannot carry this item`,
        { delivered: 'no' },
      )
    }
    await this.#put(entry, wait)
  }

  #submit(item: Item, { to, ...wait }: SubmitOptions): Promise<{ result: Result; bytes: number }> {
    let answer: Pending<{ result: Result; bytes: number }>
    try {
      checkWait(wait)
      const entry = this.#entry(item, this.#encode(item), to)
      if (to !== undefined && !to.isConnected) throw clientGone(to.id)
      this.#checkRoom()
      answer = this.#answer(entry, wait)
      this.#enter(entry)
    } catch (error) {
      return Promise.reject(error)
    }
    return answer.promise
  }

  #answer(entry: Entry, wait: WaitOptions): Pending<{ result: Result; bytes: number }> {
    const answer = new Pending<{ result: Result; bytes: number }>({
      ...wait,
      env: this.#env,
      timedOut: () => (wasDelivered(entry) ? lateResult(wait.timeout) : this.#full(entry, wait.timeout)),
      aborted: (reason) =>
        wasDelivered(entry)
          ? new NetQueueError('ABORTED', 'The call was aborted when a client had the item', {
              cause: reason,
              delivered: 'maybe',
            })
          : reason,
      withdrawn: () => this.#abandon(entry),
    })
    entry.result = {
      resolve: (payload) => {
        try {
          answer.resolve({
            result: (payload === undefined ? undefined : decodeWith(this.#resultCodec, payload)) as Result,
            bytes: payload?.byteLength ?? 0,
          })
        } catch (error) {
          answer.reject(error)
        }
      },
      reject: (error) => answer.reject(error),
    }
    return answer
  }

  #enter(entry: Entry): void {
    this.#open += 1
    this.#dispatcher.put(entry)
  }

  #checkRoom(): void {
    if (this.#dispatcher.size >= this.#limits.maxWaiting) throw tooManyWaiting(this.#limits.maxWaiting)
  }

  #full({ target }: Entry, timeout: number | undefined): NetQueueError {
    const who = target === undefined ? 'No client was free' : `Client ${target.id} was not free`
    return new NetQueueError('QUEUE_FULL', `${who} to take the item within ${timeout} ms (timeout)`, {
      limit: 'timeout',
      value: timeout,
      delivered: 'no',
    })
  }

  #withdraw(entry: Entry): void {
    this.#dispatcher.withdraw(entry)
    this.#gone()
  }

  /** Nobody waits for the result any more: the item is not delivered, or its handler is told. */
  #abandon(entry: Entry): void {
    entry.isCancelled = true
    if (entry.state === 'waiting' && !this.#redelivery.drop(entry)) return this.#withdraw(entry)
    if (entry.state === 'gone') return this.#gone()
    const wasQueued = entry.state === 'queued'
    entry.holder?.cancel(entry)
    if (wasQueued) this.#gone()
  }

  #requeue(entry: Entry): void {
    if (!this.#isClosing) return this.#dispatcher.requeue(entry)
    this.#undone.push(entry)
  }

  /** Entries that ended while the server was closing. */
  readonly #undone: Entry[] = []

  #unreachable(entry: Entry, id: string): void {
    const error = clientGone(id)
    if (entry.assigned !== undefined && !entry.assigned.settled) {
      entry.assigned.reject(error)
      return this.#gone()
    }
    this.#redelivery.bury(entry, error)
  }

  #gone(): void {
    this.#open -= 1
    if (this.#open > 0) return
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }

  async #close(timeout: number, code: string): Promise<Undone<Item>> {
    this.#isClosing = true
    await this.#listener?.close()
    for (const entry of [...this.#dispatcher.close(), ...this.#redelivery.close()]) this.#giveUp(entry)
    for (const link of this.#seats.keys()) link.goaway(code)
    for (const [link, { client }] of this.#seats) if (link.peer?.supports.settle === false) void client.close()
    await this.#untilAlone(timeout)
    for (const { client } of this.#seats.values()) void client.close()
    await Promise.all([...this.#connections].map(({ done }) => done))
    for (const entry of this.#undone.splice(0)) this.#giveUp(entry)
    this.#inbox.close(this.#closedError())
    const undone = { undone: this.#left }
    this.#resolveClosed(undone)
    return undone
  }

  readonly #left: Item[] = []

  /** Waits until all clients have left. */
  async #untilAlone(timeout: number): Promise<void> {
    const alone = new Pending<void>({ env: this.#env, timeout, timedOut: () => undefined })
    void Promise.all([...this.#connections].map(({ done }) => done)).then(() => alone.resolve())
    await alone.promise.catch(() => {})
  }

  /** An item that will not be delivered: whoever waits for it is told, and one that nobody waits for is undone. */
  #giveUp(entry: Entry): void {
    const error = new NetQueueError('CLOSED', 'The server is closed', {
      delivered: wasDelivered(entry) ? 'maybe' : 'no',
    })
    const isAwaited = entry.result !== undefined || entry.assigned?.settled === false
    entry.assigned?.reject(error)
    entry.result?.reject(error)
    if (!isAwaited && !entry.isCancelled) this.#left.push(entry.item as Item)
    this.#gone()
  }

  #closedError(): NetQueueError {
    return new NetQueueError('CLOSED', 'The server is closed', { delivered: 'no' })
  }

  #seatOf(client: ServerClient): Seat | undefined {
    for (const seat of this.#seats.values()) if (seat.client === client) return seat
    return undefined
  }

  #warn(error: NetQueueError): void {
    this.#logger.warn({ server: this.#id, code: error.code }, error.message)
    this.#events.emit('warning', { error })
  }
}

interface Acceptance {
  closeDuplex: boolean | undefined
  resolve: (client: ServerClient) => void
  reject: (error: unknown) => void
}

/** A client's place at the dispatcher. */
class Seat implements Candidate<ServerClient> {
  readonly client: ConnectedClient
  isDraining = false
  readonly #link: Link
  readonly #ready: ((client: ServerClient) => boolean) | undefined

  constructor(client: ConnectedClient, link: Link, ready: ((client: ServerClient) => boolean) | undefined) {
    this.client = client
    this.#link = link
    this.#ready = ready
  }

  get credit(): number {
    return this.#link.outbox.credit
  }

  get inFlight(): number {
    return this.#link.outbox.inFlight
  }

  get isOpen(): boolean {
    return this.client.isConnected && !this.isDraining
  }

  /** Only an original is asked whether it is ready: it has no credit to say so with. */
  get isReady(): boolean {
    return this.#ready === undefined || this.#link.peer?.supports.credit === true || this.#ready(this.client)
  }

  carries(entry: Entry): boolean {
    return this.#link.outbox.carries(entry)
  }

  assign(entry: Entry): void {
    this.#link.assign(entry)
  }
}

const wasDelivered = ({ state, attempt }: Entry): boolean => state === 'sent' || state === 'queued' || attempt > 1

function lateResult(timeout: number | undefined): NetQueueError {
  return new NetQueueError('TIMEOUT', `A client had the item, but gave no result within ${timeout} ms (timeout)`, {
    limit: 'timeout',
    value: timeout,
    delivered: 'maybe',
  })
}

function clientGone(id: string): NetQueueError {
  return new NetQueueError('CLIENT_GONE', `Client ${id}, to which the item was addressed, is gone`, { value: id })
}

function randomName(env: Env): string {
  return [...env.randomBytes(6)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
