import type { Answerers, Wanted } from '../dispatch/answerers.ts'
import { clientGone, serverClosed } from '../dispatch/backlog.ts'
import type { Sender } from '../delivery/delivery.ts'
import type { Env } from '../env/env.ts'
import { checkMs } from '../errors/check.ts'
import { Inquiry } from '../endpoint/errand.ts'
import type { Errand, Request, Seeker } from '../endpoint/errand.ts'
import { RemoteError } from '../errors/errors.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { CheckedHeaders, headerBytes, headersFrom } from '../message/headers.ts'
import type { HeaderFault } from '../message/headers.ts'
import { LateStream } from '../endpoint/late-stream.ts'
import type { Stream } from '../endpoint/late-stream.ts'
import { checkWait } from '../queue/pending.ts'
import { destinationOf, exceptBelow, giveToEach } from './recipients.ts'
import type { Path } from '../message/route.ts'
import type { Exchange } from '../request/exchange.ts'
import { checkSize } from '../request/failures.ts'
import { dropBody } from '../request/outflow.ts'
import type { SendOptions } from '../request/posts.ts'
import type { Reply } from '../request/reply.ts'
import { checkRequest } from '../request/request-options.ts'
import { ConnectedClient } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import type { BroadcastOptions, BroadcastOutcome, Recipient, ServerRequestOptions } from './server-options.ts'

export interface AddressingInit {
  env: Env
  /** The clients that are connected now, or away. */
  connected: () => Iterable<ConnectedClient>
  /** Whether a client that is not gone is one of this server. */
  isOurs: (client: ConnectedClient) => boolean
  answerers: Answerers<ConnectedClient>
  /** For a request that names no `timeout`. */
  requestTimeoutMs: number
  /** Longest payload, with its headers, that this side sends. */
  maxItemBytes: number
  /** The rules of the protocol for headers. */
  headerFault: HeaderFault
  /** Whether a client may be asked, or sent, what passes by that name. */
  mayHear: (client: ConnectedClient, name: string) => boolean
  /** How long the payload of a request is, encoded. Throws as the request would. */
  lengthOf: (name: string, payload: unknown) => number
}

/** Milliseconds for which a client that does not handle a name is not asked again, if others may: by then it may handle it. */
const REFUSED_MS = 1_000
/** Milliseconds that a broadcast gives a client to make room. */
const BROADCAST_MS = 1_000

/** To whom the requests and messages of a server go: to those that it names, to whoever is free, or to all. */
export class Addressing implements Seeker<ConnectedClient> {
  readonly #init: AddressingInit
  /** Requests that were made so far of whoever is free. */
  #count = 0

  constructor(init: AddressingInit) {
    this.#init = init
  }

  request(name: string, payload: unknown, options: ServerRequestOptions): Promise<unknown> {
    const { to } = options
    if (to !== undefined)
      return this.#direct(to, (exchange, path) => exchange.request(name, payload, { ...options, path }))
    return this.seek(new Inquiry(this, 'request', this.#made(name, payload, options)))
  }

  call(name: string, payload: unknown, options: ServerRequestOptions): Promise<Reply> {
    const { to } = options
    if (to !== undefined)
      return this.#direct(to, (exchange, path) => exchange.call(name, payload, { ...options, path }))
    return this.seek(new Inquiry(this, 'call', this.#made(name, payload, options))) as Promise<Reply>
  }

  stream(name: string, payload: unknown, options: ServerRequestOptions): Stream {
    const { to, timeout = Number.POSITIVE_INFINITY } = options
    if (to !== undefined)
      return this.#direct(to, (exchange, path) => exchange.stream(name, payload, { ...options, path }))
    checkWait(options)
    return new LateStream(this, this.#made(name, payload, options, timeout))
  }

  /** Sends a payload that is encoded already. */
  async send(
    name: string,
    payload: Uint8Array,
    to: Recipient | readonly Recipient[],
    options: SendOptions,
  ): Promise<void> {
    const give = (one: Recipient): Promise<void> =>
      this.#direct(one, (exchange, path) => exchange.sendEncoded(name, payload, { ...options, path }))
    if (!isList(to)) return give(to)
    await giveToEach(to, async (one) => give(one))
  }

  async broadcast(
    name: string,
    payload: Uint8Array,
    { except = [], headers: given, timeout = BROADCAST_MS }: BroadcastOptions,
  ): Promise<BroadcastOutcome> {
    checkMs('timeout', timeout)
    const headers = new CheckedHeaders(given, this.#init.headerFault)
    const bytes = payload.length + headers.bytes
    checkSize(bytes, this.#init.maxItemBytes)
    const clients = [...this.#init.connected()].filter((client) => client.knows(name) && !except.includes(client))
    const ways = new Map(clients.map((client) => [client, exceptBelow(client, except)]))
    const behind = clients.filter(
      (client) => !client.takes(bytes) || !hasTaken(client, name, payload, headers, ways.get(client)),
    )
    const isSent = await Promise.all(
      behind.map(
        async (client) =>
          client.takes(bytes) &&
          takesLate(client, name, payload, { headers: headers.headers, timeout, except: ways.get(client) }),
      ),
    )
    const missed = behind.filter((_, index) => isSent[index] === false)
    return { sent: clients.length - missed.length, missed }
  }

  async endRequests(to: ServerClient): Promise<void> {
    const client = this.#own(to)
    client.conversation.checkSupported()
    const { exchange } = client.conversation
    this.#init.answerers.leave(client)
    await exchange.endRequests()
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#init.answerers.close(serverClosed())
  }

  /** @internal */
  exchangeOf({ conversation }: ConnectedClient): Exchange<Sender> {
    return conversation.exchange
  }

  /** @internal Whoever is free, or the first one who becomes free. */
  seek<R>(errand: Errand<ConnectedClient, R>): Promise<R> {
    const { answerers, env } = this.#init
    const { name } = errand
    const isAnybodys = errand.bytes === undefined && errand.narrow === undefined
    const free = isAnybodys ? answerers.handler({ name, fits: this.#takesAll }) : undefined
    if (free !== undefined) return errand.ask(free)
    const wanted = this.#wanted(errand)
    const fitting = answerers.free(wanted)
    if (fitting !== undefined) return errand.ask(fitting)
    const ask = (client: ConnectedClient): Promise<R> => errand.ask(client)
    return errand.wait(
      env,
      (wait) => answerers.wait({ ...wanted, timeout: errand.request.timeout, ask }, wait) as Promise<R>,
    )
  }

  /** @internal One that leaves or is lost is not the last word, and neither is one that does not handle the name, as long as another may. */
  goesOn(errand: Errand<ConnectedClient>, cause: NetQueueError): boolean {
    const { name, whom } = errand
    const { answerers, env } = this.#init
    if (!(cause instanceof RemoteError) || cause.remoteCode === 'CLOSED') return true
    if (cause.remoteCode === 'ITEM_TOO_LARGE' && whom?.isRelay === true) {
      errand.narrow ??= new Set()
      errand.narrow.add(whom)
      return answerers.isHandled(this.#wanted(errand))
    }
    if (cause.remoteCode !== 'UNKNOWN_REQUEST') return false
    whom?.refuses(name, env.now() + REFUSED_MS)
    return answerers.isHandled(this.#wanted(errand))
  }

  #made(
    name: string,
    payload: unknown,
    options: ServerRequestOptions,
    timeout = options.timeout ?? this.#init.requestTimeoutMs,
  ): Request {
    return { name, payload, options, timeout, ordinal: (this.#count += 1) }
  }

  /** What somebody must know and take who answers a request. Throws as the request would: `ENCODE_FAILED`, `ITEM_TOO_LARGE` … */
  #wanted(errand: Errand<ConnectedClient>): Wanted<ConnectedClient> {
    const { name, payload, options } = errand.request
    const { bytes: known } = errand
    const isWide = (client: ConnectedClient): boolean => errand.narrow?.has(client) !== true
    if (known !== undefined)
      return { name, fits: (client) => client.takes(known) && isWide(client) && this.#init.mayHear(client, name) }
    try {
      checkRequest(options)
      const bytes =
        this.#init.lengthOf(name, payload) + headerBytes(headersFrom(options.headers, this.#init.headerFault))
      checkSize(bytes, this.#init.maxItemBytes)
      return { name, fits: (client) => client.takes(bytes) && isWide(client) }
    } catch (error) {
      dropBody(options.body)
      throw error
    }
  }

  /** Does something at the exchange of a client, or of the client below which a node is. Throws as the search for it does. */
  #direct<R>(to: Recipient, act: (exchange: Exchange<Sender>, path: Path | undefined) => R): R {
    const { client, below } = destinationOf(to)
    return act(this.exchangeOf(this.#own(client)), below?.way)
  }

  /** Throws `CLIENT_GONE` for a client that is neither connected nor away, and a `TypeError` for one of another server. */
  #own(client: ServerClient): ConnectedClient {
    if (client instanceof ConnectedClient && client.presence === 'gone') throw clientGone(client.id, 'no')
    if (client instanceof ConnectedClient && this.#init.isOurs(client)) return client
    throw new TypeError('Expected `to` to be a client of this server')
  }

  /** Most clients take whatever this side sends, so that nothing has to be measured for them. */
  readonly #takesAll = (client: ConnectedClient): boolean => client.takes(this.#init.maxItemBytes)
}

const isList = (to: Recipient | readonly Recipient[]): to is readonly Recipient[] => Array.isArray(to)

/** Gives a client a message if it has room. */
function hasTaken(
  client: ConnectedClient,
  name: string,
  payload: Uint8Array,
  headers: CheckedHeaders,
  except: readonly Path[] | undefined,
): boolean {
  if (!client.conversation.exchange.trySendEncoded(name, payload, headers, except)) return false
  client.isBehind = false
  return true
}

/** Gives a client a message when it has room; one that had none the last time either is not waited for. */
async function takesLate(
  client: ConnectedClient,
  name: string,
  payload: Uint8Array,
  options: SendOptions,
): Promise<boolean> {
  if (client.isBehind) return false
  try {
    await client.conversation.exchange.sendEncoded(name, payload, options)
    return true
  } catch {
    client.isBehind = true
    return false
  }
}
