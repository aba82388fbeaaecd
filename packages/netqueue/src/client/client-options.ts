import type { ClientServer } from './client-server.ts'
import type { OnDemandOptions } from './on-demand.ts'
import type { RedeliveryOptions } from '../delivery/redelivery.ts'
import type { SettleOptions } from '../delivery/settle-deadlines.ts'
import type { RELAYING, Relaying } from '../endpoint/relaying.ts'
import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { ReconnectOptions } from '../life/back-off.ts'
import type { AttemptState, ClientStateChange } from '../life/states.ts'
import type { Shape } from '../message/codec.ts'
import type { Messages } from '../message/messages.ts'
import type { MessagesOptions } from '../message/registry.ts'
import type { FlushOptions } from '../options/flush.ts'
import type { Limits } from '../options/limits.ts'
import type { LoggerOptions } from '../options/logger.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { RequestLimits } from '../request/limits.ts'
import type { SendOptions } from '../request/posts.ts'
import type { RequestOptions } from '../request/request-options.ts'
import type { DialOptions, Transport } from '../transport/index.ts'

export interface ClientOptions<In, Out, M extends Messages = Messages>
  extends RedeliveryOptions, SettleOptions, DialOptions, FlushOptions, LoggerOptions, MessagesOptions<M> {
  /** What the server sends: a codec or a Standard Schema. Both sides must name the same codec. @default msgpack */
  item?: Shape<In>
  /** What this client puts, and what its handlers return. @default msgpack */
  result?: Shape<Out>
  /** Names this client at the server; one that is taken is refused (`ID_IN_USE`). @default the server gives one */
  id?: string
  /**
   * The secret that the server knows, of at least 16 bytes. It never travels, and a server that does not prove that it knows it is not talked
   * to (`AUTH_FAILED`). @default none
   */
  token?: string | Uint8Array
  /**
   * What the server's `authenticate` wants to see: any value that JSON carries, or a function that gives it, or a promise of it, for each
   * attempt anew. Sent only where others cannot read it: encrypted, or within this machine (`AUTH_FAILED` otherwise). @default nothing
   */
  credentials?: unknown
  /** Sends `credentials` over connections on which others can read them, too. @default false */
  insecure?: boolean
  /** What this client is good for; `prefer` chooses by it. @default none */
  tags?: readonly string[]
  /** The first status; see {@link Client.setStatus}. @default none */
  status?: unknown
  /**
   * Items to have at hand, with the one that is worked on: more hide the way to the server, and keep work from clients that are free.
   * With 1, each is asked for. @default 'auto': what is done in two round trips, at least in 2 ms
   */
  prefetch?: number | 'auto'
  /** Milliseconds until an attempt to connect is given up, introductions included (`CONNECT_FAILED`). @default 10_000 */
  connectTimeoutMs?: number
  /**
   * Whether, and how, a server that is lost is looked for again by its address; not so where a duplex was handed in. @default true: after a
   * random time of up to 100 ms, which doubles up to 10 s, for ever
   */
  reconnect?: boolean | ReconnectOptions
  /** Whether `connect` looks on when the first attempt fails, in the same way. @default false: it rejects */
  wait?: boolean
  /**
   * Whether `connect` resolves at once, and servers are looked for when something is first asked, sent, put, or read, and left when nobody has
   * used them for `idleMs` milliseconds, until somebody does. Whoever only handles requests or listens to messages does not use them.
   * @default false
   */
  onDemand?: boolean | OnDemandOptions
  /**
   * Of several addresses: whether they stand in for each other, rather than to be servers side by side. The client ends when the last one has
   * closed, or would never let it in. @default false
   */
  failover?: boolean
  /**
   * Of several servers side by side, which one requests and messages go to that name none with `to`: the one with the fewest open requests,
   * or the first of the list that is connected. Items go to whichever has credit. @default 'free'
   */
  defaultServer?: 'free' | 'first'
  /** Whether the texts of handlers' errors travel to the server; their codes always do. @default false, since they may hold secrets */
  exposeErrors?: boolean
  /** What is spoken, such as `packetstream()` from `netqueue/protocol`; `netQueue()` for an original server. @default netqueue/1 */
  protocol?: Protocol
  /** With a duplex, and no address: whether closing the client ends it. @default true */
  closeDuplex?: boolean
  /** @internal */
  [RELAYING]?: Relaying
  limits?: Partial<Limits & RequestLimits>
  transports?: readonly Transport[]
  env?: Env
}

/** Names of a client's events, which its messages cannot have. */
export const CLIENT_EVENTS: readonly (keyof ClientEvents)[] = [
  'connect',
  'disconnect',
  'reconnecting',
  'state',
  'status',
  'goaway',
  'warning',
]

export interface ClientEvents {
  /** A server is connected, be it again. `resumed`: its session goes on, and nothing of it was lost or repeated. */
  connect: { server: ClientServer; resumed: boolean }
  /**
   * The connection to a server is over. No error where the client ends with it, and both sides said goodbye; where `reconnecting` follows, it
   * says why, be it that the server restarts. Where that does not follow, `client.closed` tells what was left undone. `reason`: what the server
   * gave as its own.
   */
  disconnect: { server: ClientServer; reason?: string; error?: NetQueueError }
  /** A server that was lost is looked for: this attempt begins in `delayMs` milliseconds. `error` is why the one before failed. */
  reconnecting: { server: ClientServer } & AttemptState
  /** The state changed in which the client stands with a server. */
  state: ClientStateChange
  /** The server changed its status. */
  status: { server: ClientServer; status: unknown }
  /** The server drains: no more items come. With `RESTART` the client comes back, otherwise it closes, when its work is done. */
  goaway: { server: ClientServer; code: string }
  /** Something that nobody waits for went wrong; nothing was lost by it. */
  warning: { error: NetQueueError; server?: ClientServer }
}

/** For the requests of a client. */
export interface ClientRequestOptions<Chunk = unknown> extends RequestOptions<Chunk> {
  /** The one server that is asked: it, or nobody (`CONNECTION_LOST` where it is not connected). @default see `defaultServer` */
  to?: ClientServer | undefined
}

/** For the messages of a client. */
export interface ClientSendOptions extends SendOptions {
  /** The one server that gets it: it, or nobody (`CONNECTION_LOST` where it is not connected). @default see `defaultServer` */
  to?: ClientServer | undefined
}

/** How a client's life ended. */
export interface Closed<Out> {
  /** Why it ended, where that was not asked for. */
  error?: NetQueueError
  /** What a server that left gave as its reason. */
  reason?: string
  /** Items whose `put` had resolved, and that the server neither settled nor, before its goodbye, said that it received. */
  undone: Out[]
}

export interface CloseOptions {
  /**
   * Milliseconds for handlers to finish and for the server to receive what was put; then handlers' signals fire, for which they have 250 ms
   * more. A server that does not answer the goodbye is cut 2 s after it, and is then lost. @default 5_000
   */
  timeout?: number
  /** Why, for the server's `disconnect` event; cut at 1,024 bytes. @default none */
  reason?: string
  /** Tells the server. `false` cuts the connection without a word, for a server that is known to be gone. @default true */
  notify?: boolean
}
