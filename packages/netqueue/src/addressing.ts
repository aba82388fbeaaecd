import type { Sender } from './delivery/delivery.ts'
import type { Answerers } from './dispatch/answerers.ts'
import { clientGone, serverClosed } from './dispatch/backlog.ts'
import type { Env } from './env/env.ts'
import { checkMs } from './errors/check.ts'
import type { Headers } from './message/headers.ts'
import type { WaitOptions } from './queue/pending.ts'
import { giveToEach } from './recipients.ts'
import type { Exchange } from './request/exchange.ts'
import type { SendOptions } from './request/posts.ts'
import type { Reply } from './request/reply.ts'
import type { RequestOptions } from './request/requester.ts'
import { ConnectedClient } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import type { BroadcastOptions, BroadcastOutcome, ServerRequestOptions } from './server-options.ts'

export interface AddressingInit {
  env: Env
  /** The clients that are connected now. */
  connected: () => Iterable<ConnectedClient>
  answerers: Answerers<ConnectedClient>
  /** For a request that names no `timeout`. */
  requestTimeoutMs: number
}

type Stream = AsyncIterableIterator<unknown, undefined>
type Ask<R> = (client: ConnectedClient, options: RequestOptions) => Promise<R>

/** Milliseconds that a broadcast gives a client to make room. */
const BROADCAST_MS = 1_000

/** To whom the requests and messages of a server go: to those that it names, to whoever is free, or to all. */
export class Addressing {
  readonly #init: AddressingInit

  constructor(init: AddressingInit) {
    this.#init = init
  }

  request(name: string, payload: unknown, options: ServerRequestOptions): Promise<unknown> {
    return this.#ask(name, options, ({ conversation }, rest) => conversation.request(name, payload, rest))
  }

  call(name: string, payload: unknown, options: ServerRequestOptions): Promise<Reply> {
    return this.#ask(name, options, ({ conversation }, rest) => conversation.exchange.request(name, payload, rest))
  }

  stream(name: string, payload: unknown, options: ServerRequestOptions): Stream {
    const { to } = options
    const begin = (client: ConnectedClient): Stream => client.conversation.exchange.stream(name, payload, options)
    const chosen = to === undefined ? this.#init.answerers.choose(name, options) : connectedOf(to)
    return chosen instanceof ConnectedClient ? begin(chosen) : later(chosen.then(begin))
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
    { except = [], headers, timeout = BROADCAST_MS }: BroadcastOptions,
  ): Promise<BroadcastOutcome> {
    checkMs('timeout', timeout)
    const clients = [...this.#init.connected()].filter((client) => client.knows(name) && !except.includes(client))
    const behind = clients.filter((client) => !hasTaken(client, name, payload, headers))
    const isSent = await Promise.all(
      behind.map(async (client) => takesLate(client, name, payload, { headers, timeout })),
    )
    const missed = behind.filter((_, index) => isSent[index] === false)
    return { sent: clients.length - missed.length, missed }
  }

  async endRequests(to: ServerClient): Promise<void> {
    await exchangeOf(to).endRequests()
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#init.answerers.close(serverClosed())
  }

  /** Chooses who is asked, and asks. The options are handed on as they are: to copy them would cost more than all the rest. */
  #ask<R>(name: string, options: ServerRequestOptions, ask: Ask<R>): Promise<R> {
    const { to } = options
    if (to !== undefined) return ask(connectedOf(to), options)
    const { env, answerers } = this.#init
    const began = env.now()
    const chosen = answerers.choose(name, options.timeout === undefined ? this.#patience(options) : options)
    if (!(chosen instanceof ConnectedClient)) return this.#askLater(chosen, options, began, ask)
    const answer = ask(chosen, options)
    answerers.changed(chosen)
    return answer
  }

  /** The time that the choice takes is part of the request's. */
  async #askLater<R>(
    chosen: Promise<ConnectedClient>,
    options: ServerRequestOptions,
    began: number,
    ask: Ask<R>,
  ): Promise<R> {
    const client = await chosen
    const { env, answerers, requestTimeoutMs } = this.#init
    const { timeout = requestTimeoutMs } = options
    const answer = ask(client, { ...options, timeout: Math.max(1, timeout - (env.now() - began)) })
    answerers.changed(client)
    return answer
  }

  /** A call without a time of its own waits for a client as long as for an answer. */
  #patience({ signal }: ServerRequestOptions): WaitOptions {
    return { signal, timeout: this.#init.requestTimeoutMs }
  }
}

const isList = (to: ServerClient | readonly ServerClient[]): to is readonly ServerClient[] => Array.isArray(to)

/** Throws `CLIENT_GONE` for a client that is not connected, and `UNSUPPORTED` for one whose protocol has no messages. */
function exchangeOf(client: ServerClient): Exchange<Sender> {
  return connectedOf(client).conversation.exchange
}

function connectedOf(client: ServerClient): ConnectedClient {
  if (!(client instanceof ConnectedClient)) throw new TypeError('Expected `to` to be a client of this server')
  if (!client.isConnected) throw clientGone(client.id, 'no')
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

/** A stream that is there when somebody has been found to give it. */
function later(stream: Promise<Stream>): Stream {
  stream.catch(() => {}) // whoever asks for the first chunk hears of it
  return {
    next: async () => (await stream).next(),
    return: async () => (await stream).return?.() ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
