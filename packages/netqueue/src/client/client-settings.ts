import type { ClientOptions } from './client-options.ts'
import type { Env } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkInteger, checkMs, checkOneOf, checkString, checkStrings } from '../errors/check.ts'
import { checkEvidence, evidenceFrom } from './evidence.ts'
import type { ShownTo } from './evidence.ts'
import { onDemandFrom } from './on-demand.ts'
import { reconnectFrom } from '../life/back-off.ts'
import type { Reconnect } from '../life/back-off.ts'
import { codecFrom } from '../message/codec.ts'
import type { Codec } from '../message/codec.ts'
import type { Messages } from '../message/messages.ts'
import { statusFrom } from '../message/status.ts'
import { flushDelayFrom } from '../options/flush.ts'
import { limitsFrom } from '../options/limits.ts'
import type { Limits } from '../options/limits.ts'
import { harmless, silent, traceOf } from '../options/logger.ts'
import type { Logger } from '../options/logger.ts'
import { native } from '../protocol/net-queue/net-queue.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { traced } from '../protocol/traced.ts'

/** The options of a client, checked and filled in. */
export interface ClientSettings<In, Out> {
  env: Env
  limits: Limits
  item: Codec<In>
  result: Codec<Out>
  /** Empty where the server is to give one. */
  id: string
  tags: readonly string[]
  status: unknown
  prefetch: number | 'auto'
  protocol: Protocol
  exposeErrors: boolean
  closeDuplex: boolean
  connectTimeoutMs: number
  /** Of several, which one requests and messages go to that name none. */
  defaultServer: 'free' | 'first'
  flushDelayMs: number
  /** `undefined`: what is lost stays lost. */
  reconnect: Reconnect | undefined
  /** Milliseconds after which servers are left that nobody uses; `undefined`: they are not looked for on demand. */
  onDemandMs: number | undefined
  /** What the next connection is to show of the client; none where there is nothing to show. */
  evidence: (() => Promise<ShownTo | undefined>) | undefined
  logger: Logger
}

/** Throws for options that no client can have; those of messages and of redelivery are checked by what is made of them. */
export function settingsFrom<In, Out, M extends Messages>(options: ClientOptions<In, Out, M>): ClientSettings<In, Out> {
  const { id = '', tags = [], prefetch = 'auto', connectTimeoutMs = 10_000 } = options
  const { env = host, protocol = native(), exposeErrors = false, closeDuplex = true } = options
  const limits = limitsFrom(options.limits, protocol.maxItemBytes)
  const { defaultServer = 'free' } = options
  checkOneOf('defaultServer', defaultServer, ['free', 'first'])
  checkString('id', id)
  checkStrings('tags', tags)
  checkMs('connectTimeoutMs', connectTimeoutMs)
  if (prefetch !== 'auto') checkInteger('prefetch', prefetch, 1, limits.maxUnsettled)
  checkEvidence(options)
  if (options.onDemand !== undefined && options.onDemand !== false && options.reconnect === false)
    throw new TypeError('Expected `onDemand` without `reconnect: false`, as it looks for servers again')
  return {
    env,
    limits,
    item: codecFrom('item', options.item),
    result: codecFrom('result', options.result),
    id,
    tags,
    status: statusFrom(options.status),
    prefetch,
    protocol: traced(protocol, traceOf(options)),
    exposeErrors,
    closeDuplex,
    connectTimeoutMs,
    defaultServer,
    flushDelayMs: flushDelayFrom(options),
    reconnect: reconnectFrom(options.reconnect ?? true),
    onDemandMs: onDemandFrom(options.onDemand),
    evidence: evidenceFrom(options),
    logger: harmless(options.logger ?? silent),
  }
}
