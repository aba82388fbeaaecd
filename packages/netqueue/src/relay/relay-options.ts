import type { ClientOptions, Closed } from '../client/client-options.ts'
import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { DuplexMaker } from '../life/reach.ts'
import type { Shape } from '../message/codec.ts'
import type { Messages } from '../message/messages.ts'
import type { MessagesOptions } from '../message/registry.ts'
import type { Limits } from '../options/limits.ts'
import type { Logger } from '../options/logger.ts'
import type { RequestLimits } from '../request/limits.ts'
import type { ServerClient } from '../server/server-client.ts'
import type { ServerOptions } from '../server/server-options.ts'
import type { ByteDuplex, Transport } from '../transport/index.ts'
import type { Stage } from './stage.ts'

/** What the two sides of a relay cannot have apart: loops are found by the name that both have. */
export const OF_BOTH_SIDES = ['id', 'env', 'messages'] as const

type OfBothSides = (typeof OF_BOTH_SIDES)[number]

export interface RelayOptions<
  Item = unknown,
  Result = unknown,
  M extends Messages = Messages,
> extends MessagesOptions<M> {
  /** Where its parent is: an address, several, a duplex of bytes, or a function that makes one, as {@link connect} takes them. */
  parent: string | readonly string[] | ByteDuplex | DuplexMaker
  /** Where children connect: an address, or several. @default nowhere: it takes what `relay.server.accept` gives it */
  listen?: string | readonly string[] | undefined
  /** What goes down: a codec or a Standard Schema. All nodes must name the same codec. @default msgpack */
  item?: Shape<Item>
  /** What goes up. @default msgpack */
  result?: Shape<Result>
  /** Works on what goes down, one item at a time. @default nothing: bytes pass as they are */
  down?: Stage<Item>
  /** Works on what goes up: what children put, and the results of what was submitted. @default nothing */
  up?: Stage<Result>
  /** Its name, above and below. @default a random one */
  id?: string
  /** What it is good for, as its parent is told. @default none */
  tags?: readonly string[]
  /** What either side lets its peers cost it; `client.limits` and `server.limits` have what is to be different on one side. */
  limits?: Partial<Limits & RequestLimits>
  /** How addresses are reached, and listened at. @default TCP, TLS, and within this process */
  transports?: readonly Transport[]
  /** Where both sides log to. @default nowhere */
  logger?: Logger
  /** Clock, timers and chance; tests bring their own. @default those of the process */
  env?: Env
  /** What only its upper side has: `token`, `prefetch`, `reconnect`, `failover`, codecs of its own … */
  client?: Omit<ClientOptions<Item, Result, M>, OfBothSides>
  /** What only its lower side has: who may come in, `chooseDispatch`, `resumeTimeoutMs`, codecs of its own … */
  server?: Omit<ServerOptions<Item, Result, M>, OfBothSides>
}

export interface RelayEvents {
  /** Something that nobody waits for went wrong, on either side. */
  warning: { error: NetQueueError; client?: ServerClient }
}

export interface RelayCloseOptions {
  /**
   * Milliseconds for all of it, one after the other: children finish and leave; what they made goes up; the relay leaves its parent. Each has
   * what those before it have left. When it is up, the work of children is cancelled, and ours, for which there are 250 ms more; whoever does not
   * answer a goodbye is cut 2 s after it. @default 5_000
   */
  timeout?: number
  /** Why, as children are told: those of a relay that restarts may come back. @default 'closed' */
  reason?: 'closed' | 'restart'
}

/** How a relay ended: as its client did, and what was its own to put below. */
export interface RelayClosed<Item, Result> extends Closed<Result> {
  /** Items that it had put itself, and no child had done. */
  below: Item[]
}
