import type { RedeliveryOptions } from '../delivery/redelivery.ts'
import type { SettleOptions } from '../delivery/settle-deadlines.ts'
import type { ChooseDispatch, DispatchPolicy } from '../dispatch/policies.ts'
import type { RELAYING, Relaying } from '../endpoint/relaying.ts'
import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Shape } from '../message/codec.ts'
import type { Headers } from '../message/headers.ts'
import type { Messages } from '../message/messages.ts'
import type { Action } from '../message/denials.ts'
import type { MessagesOptions } from '../message/registry.ts'
import type { FlushOptions } from '../options/flush.ts'
import type { Limits } from '../options/limits.ts'
import type { LoggerOptions } from '../options/logger.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { WaitOptions } from '../queue/pending.ts'
import type { RequestLimits } from '../request/limits.ts'
import type { SendOptions } from '../request/posts.ts'
import type { RequestOptions } from '../request/request-options.ts'
import type { ServerClient } from './server-client.ts'
import type { TreeNode } from './tree-node.ts'
import type { ByteDuplex, TlsOptions, Transport } from '../transport/index.ts'

/** A client that is about to come in, as far as is known before anybody has said who it is. */
export interface AuthApplicant {
  /** The id that it wants; empty: whichever it is given. */
  readonly id: string
  /** Where it is, as an address for people and logs. */
  readonly address: string | undefined
  /** What its `credentials` are; `undefined` where it has none. Any value that JSON carries. */
  readonly credentials: unknown
  /** The certificate that it has shown, where that was checked and is good. */
  readonly certificate: NonNullable<ByteDuplex['security']>['certificate']
  /** Fires when it is not waited for any more. */
  readonly signal: AbortSignal
}

/**
 * Says who a client is: what it returns, or resolves with, is the client's `identity` from then on. `undefined`, `null`, `false`, and an error
 * keep the client out. When a client comes again, its identity has to be the same: the same value, or plain data with the same content.
 */
export type Authenticate = (applicant: AuthApplicant) => unknown

/** A client of which is asked what it may do: it has introduced itself, and is about to be let in. */
export type Principal = Pick<ServerClient, 'id' | 'identity' | 'address' | 'tags' | 'status'>

/**
 * Whether a client may do something, by the name of a message; `''` stands for items. `'put'` and `'submit'`: items of its own, without and
 * with a result. `'request'` and `'send'`: to ask and to send by that name. `'subscribe'`: to be given items, or what this server asks, sends
 * and broadcasts by that name.
 */
export type Authorize = (client: Principal, action: Action, name: string) => boolean

/** One secret, or several that are all good: text or bytes. */
export type TokenOption = string | Uint8Array

export interface ServerOptions<Item, Result, M extends Messages = Messages>
  extends RedeliveryOptions, SettleOptions, FlushOptions, LoggerOptions, MessagesOptions<M> {
  /** What this server puts: a codec or a Standard Schema. Both sides must name the same codec. @default msgpack */
  item?: Shape<Item>
  /** What clients put, and what their handlers return. @default msgpack */
  result?: Shape<Result>
  /**
   * What is spoken, such as `packetstream()` from `netqueue/protocol`. A server of netqueue/1 takes original net-queue clients on the same port.
   * @default netqueue/1
   */
  protocol?: Protocol
  /** Chooses who gets an item: a policy of ours, or a function. @default leastBusy() */
  chooseDispatch?: ChooseDispatch<Item, ServerClient> | DispatchPolicy<Item, ServerClient>
  /** Whether an original net-queue client may get items, judged by its status. @default always */
  ready?: (client: ServerClient) => boolean
  /** Items that each client may have waiting here once anything is read. @default 4_096, or `maxUnsettled` where that is less: what waits here has nowhere else to go, so depth costs only memory */
  prefetch?: number
  /** This server's name, for its clients' `delivery.from`. @default a random one */
  id?: string
  /**
   * Milliseconds for which a client whose connection was lost is waited for, up to 86,400,000: what it has stays its own, and if it comes
   * back, all goes on without a loss or a repeat. Its id is taken for as long. Then its items go back to the backlog. What each side sends is
   * kept until the other has it (`limits.maxReplayBytes`).
   * @default 0: not at all, so that items are with another client at once
   */
  resumeTimeoutMs?: number
  /** The first status; see {@link Server.setStatus}. @default none */
  status?: unknown
  /**
   * A secret of at least 16 bytes, such as `openssl rand -base64 32` makes, that clients must know, and that this server shows it knows. It
   * never travels. Of several, each is good: to change it, add the new one, change the clients, take the old one away. @default none
   */
  token?: TokenOption | readonly TokenOption[]
  /**
   * Decides who comes in, and who that is (`client.identity`), by credentials, certificate or address; where there is a `token`, only whoever
   * knows it gets this far, and brings no credentials. It has as long as the introduction (`handshakeTimeoutMs`). @default nobody is asked
   */
  authenticate?: Authenticate
  /**
   * Decides what each client may do. Asked when the client comes, once for each action and name that both sides have, and what it says holds
   * for the whole session; what it throws is no. A client's call that is denied rejects with `NOT_AUTHORIZED`. @default everything
   */
  authorize?: Authorize
  /**
   * Listens on addresses that other machines reach although nothing authenticates clients (`INSECURE_LISTEN` otherwise), and takes credentials
   * where others can read them. @default false
   */
  insecure?: boolean
  /** Whether the texts of errors of handlers on this side travel to clients; their codes always do. @default false */
  exposeErrors?: boolean
  /**
   * Options of `node:tls`, for an address that is reached by it: `cert` and `key`, and `requestCert: true` and `ca` where only clients with a
   * certificate of one's own authority may come in. @default none
   */
  tls?: TlsOptions
  /** @internal */
  [RELAYING]?: Relaying
  limits?: Partial<Limits & RequestLimits>
  transports?: readonly Transport[]
  env?: Env
}

/** Names of a server's events, which its messages cannot have. */
export const SERVER_EVENTS: readonly (keyof ServerEvents<unknown>)[] = [
  'connect',
  'suspend',
  'resume',
  'goaway',
  'disconnect',
  'status',
  'nodes',
  'deadLetter',
  'warning',
]

export interface ServerEvents<Item> {
  connect: { client: ServerClient }
  /** The connection of a client was lost, and it is waited for: `resume` follows, or `disconnect` after `resumeTimeoutMs`. */
  suspend: { client: ServerClient; error: NetQueueError }
  /** A client is back, and goes on with what it had. */
  resume: { client: ServerClient }
  /**
   * A client is about to leave: it takes nothing new, and still hears what is sent to it in this moment. `reason` is what it gave as its own,
   * or empty. A client that is lost says nothing, and one that this side has told to leave nothing new.
   */
  goaway: { client: ServerClient; reason: string }
  /** A client is gone; no error where both sides said goodbye, and then the `reason` it gave. `unsettled` items went back to the backlog. */
  disconnect: { client: ServerClient; unsettled: number; reason?: string; error?: NetQueueError }
  /** A client changed its status. */
  status: { client: ServerClient; status: unknown }
  /** What is known below a client that is a relay is not what it was: `client.nodes`. */
  nodes: { client: ServerClient }
  /** An item was given up. */
  deadLetter: { item: Item }
  /** Something that nobody waits for went wrong: a peer was refused, a settle came too late … */
  warning: { error: NetQueueError; client?: ServerClient }
}

/** A client, or a node below one. */
export type Recipient = ServerClient | TreeNode

export interface PutOptions extends WaitOptions, SettleOptions {
  /** One client, several, or all that are connected now, or away: each gets the item, who is away when it is back. @default whoever is free */
  to?: Recipient | readonly Recipient[] | 'all' | undefined
  /** With several or all: those who do not get it. */
  except?: readonly Recipient[] | undefined
}

export interface SubmitOptions extends WaitOptions, SettleOptions {
  /** The one client, or node below one, that may do it. @default whoever is free */
  to?: Recipient | undefined
}

export interface ServerRequestOptions<Chunk = unknown> extends RequestOptions<Chunk> {
  /** The one client that is asked. @default whoever is free: the one with the fewest open requests, of those that have defined the name */
  to?: Recipient | undefined
}

export interface ServerSendOptions extends SendOptions {
  /** One client or node below one, or several: each gets the message. */
  to: Recipient | readonly Recipient[]
}

export interface BroadcastOptions {
  /** Those who do not get the message: clients, and nodes below them. @default nobody */
  except?: readonly Recipient[] | undefined
  /** What goes beside the payload. @default nothing */
  headers?: Headers | undefined
  /**
   * Milliseconds that a client that is behind has to make room, before it misses the message. From then on it is passed over until it has
   * room, so that one that stalls is waited for once. @default 1_000
   */
  timeout?: number | undefined
}

/** What became of a broadcast. */
export interface BroadcastOutcome {
  /** How many clients have the message on its way to them. */
  sent: number
  /** Those that had no room in time, take none of that length, or were lost meanwhile. */
  missed: ServerClient[]
}

export interface ServerCloseOptions {
  /**
   * Milliseconds for clients to finish and to leave; then their work is cancelled, and ours, for which there are 250 ms more. One that does
   * not answer the goodbye is cut 2 s after it. @default 5_000
   */
  timeout?: number
  /** Why: clients of a server that restarts may come back. @default 'closed' */
  reason?: 'closed' | 'restart'
}

/** Items whose `put` had resolved and that no client settled. */
export interface Undone<Item> {
  undone: Item[]
}
