import type { Sender } from './delivery/delivery.ts'
import type { Answerers, Question } from './dispatch/answerers.ts'
import { clientGone, serverClosed } from './dispatch/backlog.ts'
import type { Env } from './env/env.ts'
import { checkMs } from './errors/check.ts'
import { headerBytes, headersFrom } from './message/headers.ts'
import type { Headers } from './message/headers.ts'
import { begun, LateStream } from './late-stream.ts'
import type { Stream } from './late-stream.ts'
import { checkWait } from './queue/pending.ts'
import { giveToEach } from './recipients.ts'
import type { Exchange } from './request/exchange.ts'
import { checkSize } from './request/failures.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply } from './request/reply.ts'
import type { RequestOptions } from './request/requester.ts'
import { ConnectedClient } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import type { BroadcastOptions, BroadcastOutcome, ServerRequestOptions } from './server-options.ts'

export interface AddressingInit {
  env: Env
  /** The clients that are connected now, or away. */
  connected: () => Iterable<ConnectedClient>
  answerers: Answerers<ConnectedClient>
  /** For a request that names no `timeout`. */
  requestTimeoutMs: number
  /** Longest payload, with its headers, that this side sends. */
  maxItemBytes: number
  /** How long the payload of a request is, encoded. Throws as the request would. */
  lengthOf: (name: string, payload: unknown) => number
}

type Ask<R> = (client: ConnectedClient, options: RequestOptions) => R

/** Milliseconds that a broadcast gives a client to make room. */
const BROADCAST_MS = 1_000

/** To whom the requests and messages of a server go: to those that it names, to whoever is free, or to all. */
export class Addressing {
  readonly #init: AddressingInit

  constructor(init: AddressingInit) {
    this.#init = init
  }

  request(name: string, payload: unknown, options: ServerRequestOptions): Promise<unknown> {
    return this.#ask(name, payload, options, ({ conversation }, rest) =>
      conversation.exchange.value(name, payload, rest),
    )
  }

  call(name: string, payload: unknown, options: ServerRequestOptions): Promise<Reply> {
    return this.#ask(name, payload, options, ({ conversation }, rest) =>
      conversation.exchange.request(name, payload, rest),
    )
  }

  stream(name: string, payload: unknown, options: ServerRequestOptions): Stream {
    const { to, signal } = options
    const begin: Ask<Stream> = ({ conversation }, rest) => conversation.exchange.stream(name, payload, rest)
    if (to !== undefined) return begin(connectedOf(to), options)
    checkWait(options)
    return new LateStream(signal, (search) =>
      this.#choose(name, payload, { ...options, signal: search }, (client, rest) =>
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
    const give = (client: ServerClient): Promise<void> => exchangeOf(client).sendEncoded(name, payload, options)
    if (!isList(to)) return give(to)
    await giveToEach(to, async (client) => give(client))
  }

  async broadcast(
    name: string,
    payload: Uint8Array,
    { except = [], headers: given, timeout = BROADCAST_MS }: BroadcastOptions,
  ): Promise<BroadcastOutcome> {
    checkMs('timeout', timeout)
    const headers = headersFrom(given)
    const bytes = payload.length + headerBytes(headers)
    checkSize(bytes, this.#init.maxItemBytes)
    const clients = [...this.#init.connected()].filter((client) => client.knows(name) && !except.includes(client))
    const behind = clients.filter((client) => !client.takes(bytes) || !hasTaken(client, name, payload, headers))
    const isSent = await Promise.all(
      behind.map(async (client) => client.takes(bytes) && takesLate(client, name, payload, { headers, timeout })),
    )
    const missed = behind.filter((_, index) => isSent[index] === false)
    return { sent: clients.length - missed.length, missed }
  }

  async endRequests(to: ServerClient): Promise<void> {
    const client = connectedOf(to)
    const { exchange } = client.conversation
    this.#init.answerers.leave(client)
    await exchange.endRequests()
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#init.answerers.close(serverClosed())
  }

  #ask<R>(name: string, payload: unknown, options: ServerRequestOptions, ask: Ask<Promise<R>>): Promise<R> {
    const { to } = options
    if (to !== undefined) return ask(connectedOf(to), options)
    return this.#choose(name, payload, options, ask, this.#init.requestTimeoutMs) as Promise<R>
  }

  /** Has whoever is free asked. The time that it takes to find somebody is part of the request's. */
  #choose<R>(
    name: string,
    payload: unknown,
    options: RequestOptions,
    ask: Ask<R>,
    defaultTimeout: number = Number.POSITIVE_INFINITY,
  ): R | Promise<Awaited<R>> {
    const { env, answerers, maxItemBytes } = this.#init
    const { timeout = defaultTimeout, signal } = options
    const began = env.now()
    let isLate = false
    const question: Question<ConnectedClient, R> = {
      name,
      fits: (client) => client.takes(maxItemBytes) || client.takes(this.#lengthOf(name, payload, options)),
      ask: (client) => {
        // Handed on as they are where that will do: to copy them would cost more than all the rest.
        const rest = isLate ? { ...options, timeout: Math.max(1, timeout - (env.now() - began)) } : options
        return ask(client, rest)
      },
    }
    const answer = answerers.choose(question, { timeout, signal })
    isLate = true
    return answer
  }

  /** Of a request, for clients that take less than this side sends; 0 for one that cannot be sent, as whoever is asked will say. */
  #lengthOf(name: string, payload: unknown, { headers }: RequestOptions): number {
    try {
      return this.#init.lengthOf(name, payload) + headerBytes(headersFrom(headers))
    } catch {
      return 0
    }
  }
}

const isList = (to: ServerClient | readonly ServerClient[]): to is readonly ServerClient[] => Array.isArray(to)

/** Throws `CLIENT_GONE` for a client that is neither connected nor away, and `UNSUPPORTED` for one whose protocol has no messages. */
function exchangeOf(client: ServerClient): Exchange<Sender> {
  return connectedOf(client).conversation.exchange
}

function connectedOf(client: ServerClient): ConnectedClient {
  if (!(client instanceof ConnectedClient)) throw new TypeError('Expected `to` to be a client of this server')
  if (client.presence === 'gone') throw clientGone(client.id, 'no')
  return client
}

/** Gives a client a message if it has room. */
function hasTaken(client: ConnectedClient, name: string, payload: Uint8Array, headers: Headers | undefined): boolean {
  if (!exchangeOf(client).trySendEncoded(name, payload, headers)) return false
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
    await exchangeOf(client).sendEncoded(name, payload, options)
    return true
  } catch {
    client.isBehind = true
    return false
  }
}
