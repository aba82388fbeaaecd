import type { Answerers, Wanted } from './dispatch/answerers.ts'
import { clientGone, serverClosed } from './dispatch/backlog.ts'
import type { Env } from './env/env.ts'
import { checkMs } from './errors/check.ts'
import { RemoteError } from './errors/errors.ts'
import { CheckedHeaders, headerBytes, headersFrom } from './message/headers.ts'
import { begun, LateStream } from './late-stream.ts'
import type { Stream } from './late-stream.ts'
import { promised } from './promised.ts'
import { checkWait } from './queue/pending.ts'
import { giveToEach } from './recipients.ts'
import { checkSize } from './request/failures.ts'
import { dropBody } from './request/outflow.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply } from './request/reply.ts'
import type { Elsewhere } from './request/reply-askers.ts'
import { checkRequest } from './request/requester.ts'
import type { RequestOptions } from './request/requester.ts'
import { ConnectedClient } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import type { BroadcastOptions, BroadcastOutcome, ServerRequestOptions } from './server-options.ts'

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
  /** How long the payload of a request is, encoded. Throws as the request would. */
  lengthOf: (name: string, payload: unknown) => number
}

type Ask<R> = (client: ConnectedClient, options: RequestOptions, elsewhere?: Elsewhere<Awaited<R>>) => R

/** A request for whoever is free. */
interface Asked {
  name: string
  payload: unknown
  options: RequestOptions
  timeout: number
}

/** Milliseconds for which a client that does not handle a name is not asked again, if others may: by then it may handle it. */
const REFUSED_MS = 1_000
/** Milliseconds that a broadcast gives a client to make room. */
const BROADCAST_MS = 1_000

/** To whom the requests and messages of a server go: to those that it names, to whoever is free, or to all. */
export class Addressing {
  readonly #init: AddressingInit

  constructor(init: AddressingInit) {
    this.#init = init
  }

  request(name: string, payload: unknown, options: ServerRequestOptions): Promise<unknown> {
    return this.#ask<unknown>(name, payload, options, ({ conversation }, rest, elsewhere) =>
      conversation.exchange.request(name, payload, rest, elsewhere),
    )
  }

  call(name: string, payload: unknown, options: ServerRequestOptions): Promise<Reply> {
    return this.#ask<Reply>(name, payload, options, ({ conversation }, rest, elsewhere) =>
      conversation.exchange.call(name, payload, rest, elsewhere),
    )
  }

  stream(name: string, payload: unknown, options: ServerRequestOptions): Stream {
    const { to, signal } = options
    const begin: Ask<Stream> = ({ conversation }, rest) => conversation.exchange.stream(name, payload, rest)
    if (to !== undefined) return begin(this.#own(to), options)
    checkWait(options)
    const { timeout = Number.POSITIVE_INFINITY } = options
    return new LateStream(signal, (search) =>
      this.#choose({ name, payload, options: { ...options, signal: search }, timeout }, (client, rest) =>
        begun(begin(client, { ...rest, signal })),
      ),
    )
  }

  /** Sends a payload that is encoded already. */
  async send(
    name: string,
    payload: Uint8Array,
    to: ServerClient | readonly ServerClient[],
    options: SendOptions,
  ): Promise<void> {
    const give = (client: ServerClient): Promise<void> =>
      this.#own(client).conversation.exchange.sendEncoded(name, payload, options)
    if (!isList(to)) return give(to)
    await giveToEach(to, async (client) => give(client))
  }

  async broadcast(
    name: string,
    payload: Uint8Array,
    { except = [], headers: given, timeout = BROADCAST_MS }: BroadcastOptions,
  ): Promise<BroadcastOutcome> {
    checkMs('timeout', timeout)
    const headers = new CheckedHeaders(given)
    const bytes = payload.length + headers.bytes
    checkSize(bytes, this.#init.maxItemBytes)
    const clients = [...this.#init.connected()].filter((client) => client.knows(name) && !except.includes(client))
    const behind = clients.filter((client) => !client.takes(bytes) || !hasTaken(client, name, payload, headers))
    const isSent = await Promise.all(
      behind.map(
        async (client) =>
          client.takes(bytes) && takesLate(client, name, payload, { headers: headers.headers, timeout }),
      ),
    )
    const missed = behind.filter((_, index) => isSent[index] === false)
    return { sent: clients.length - missed.length, missed }
  }

  async endRequests(to: ServerClient): Promise<void> {
    const client = this.#own(to)
    const { exchange } = client.conversation
    this.#init.answerers.leave(client)
    await exchange.endRequests()
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#init.answerers.close(serverClosed())
  }

  #ask<R>(name: string, payload: unknown, options: ServerRequestOptions, ask: Ask<Promise<R>>): Promise<R> {
    const { to, timeout = this.#init.requestTimeoutMs } = options
    if (to !== undefined) return ask(this.#own(to), options)
    return this.#choose({ name, payload, options, timeout }, ask) as Promise<R>
  }

  /** Has whoever is free asked, or the first one who becomes free. */
  #choose<R>(asked: Asked, ask: Ask<R>): R | Promise<Awaited<R>> {
    const { answerers } = this.#init
    const { name, options } = asked
    const free = answerers.free({ name, fits: this.#takesAll })
    if (free !== undefined) return ask(free, options, this.#elsewhere(free, asked, ask))
    const wanted = this.#wanted(asked)
    const fitting = answerers.free(wanted)
    if (fitting === undefined) return this.#wait(wanted, asked, ask)
    return ask(fitting, options, this.#elsewhere(fitting, asked, ask))
  }

  /** Has somebody else asked where a client says that it does not handle the name, for it certainly has not begun. */
  #elsewhere<R>(client: ConnectedClient, asked: Asked, ask: Ask<R>): Elsewhere<Awaited<R>> {
    return (cause, timeLeft) => {
      const { name, options } = asked
      const isUnhandled = cause instanceof RemoteError && cause.remoteCode === 'UNKNOWN_REQUEST'
      if (!isUnhandled || cause.delivered !== 'no') return undefined
      client.refuses(name, this.#init.env.now() + REFUSED_MS)
      if (!this.#init.answerers.isHandled(name)) return undefined
      const timeout = Math.max(1, timeLeft)
      const again = { ...asked, options: { ...options, timeout }, timeout }
      return promised(() => Promise.resolve(this.#choose(again, ask)) as Promise<Awaited<R>>)
    }
  }

  /** The time that it takes to find somebody is part of the request's. */
  #wait<R>(wanted: Wanted<ConnectedClient>, asked: Asked, ask: Ask<R>): Promise<Awaited<R>> {
    const { env, answerers } = this.#init
    const { options, timeout } = asked
    const began = env.now()
    let isAsked = false
    const askLate = (client: ConnectedClient): R => {
      isAsked = true
      const left = Math.max(1, timeout - (env.now() - began))
      return ask(client, { ...options, timeout: left }, this.#elsewhere(client, asked, ask))
    }
    const answer = answerers.wait({ ...wanted, ask: askLate }, { timeout, signal: options.signal })
    if (options.body !== undefined) answer.catch(() => isAsked || dropBody(options.body))
    return answer
  }

  /** What somebody must know and take who answers a request. Throws as the request would: `ENCODE_FAILED`, `ITEM_TOO_LARGE` … */
  #wanted({ name, payload, options }: Asked): Wanted<ConnectedClient> {
    try {
      checkRequest(options)
      const bytes = this.#init.lengthOf(name, payload) + headerBytes(headersFrom(options.headers))
      checkSize(bytes, this.#init.maxItemBytes)
      return { name, fits: (client) => client.takes(bytes) }
    } catch (error) {
      dropBody(options.body)
      throw error
    }
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

const isList = (to: ServerClient | readonly ServerClient[]): to is readonly ServerClient[] => Array.isArray(to)

/** Gives a client a message if it has room. */
function hasTaken(client: ConnectedClient, name: string, payload: Uint8Array, headers: CheckedHeaders): boolean {
  if (!client.conversation.exchange.trySendEncoded(name, payload, headers)) return false
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
