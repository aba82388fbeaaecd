import type { ChooseDispatch, DispatchPolicy } from '../dispatch/policies.ts'
import { leastBusy } from '../dispatch/policies.ts'
import type { Env } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkFunction, checkInteger } from '../errors/check.ts'
import { randomName } from '../endpoint/random-name.ts'
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
import { tokensFrom } from '../protocol/token.ts'
import { traced } from '../protocol/traced.ts'
import type { ServerClient } from './server-client.ts'
import type { Authenticate, Authorize, ServerOptions } from './server-options.ts'

/** A day: longer than that, whoever is away has its items for no good. */
const MAX_RESUME_MS = 86_400_000

/** The options of a server, checked and filled in. */
export interface ServerSettings<Item, Result> {
  env: Env
  limits: Limits
  item: Codec<Item>
  result: Codec<Result>
  id: string
  status: unknown
  prefetch: number
  policy: ChooseDispatch<Item, ServerClient> | DispatchPolicy<Item, ServerClient>
  protocol: Protocol
  exposeErrors: boolean
  insecure: boolean
  /** The secrets that are good; none where none is asked for. */
  tokens: ReturnType<typeof tokensFrom>
  authenticate: Authenticate | undefined
  authorize: Authorize | undefined
  ready: ((client: ServerClient) => boolean) | undefined
  resumeTimeoutMs: number
  flushDelayMs: number
  logger: Logger
}

/** Throws for options that no server can have; those of messages and of redelivery are checked by what is made of them. */
export function settingsFrom<Item, Result, M extends Messages>(
  options: ServerOptions<Item, Result, M>,
): ServerSettings<Item, Result> {
  const { env = host, protocol = native(), chooseDispatch = leastBusy<Item, ServerClient>() } = options
  const { authenticate, authorize, ready, exposeErrors = false, insecure = false, resumeTimeoutMs = 0 } = options
  const limits = limitsFrom(options.limits, protocol.maxItemBytes)
  const { prefetch = Math.min(4_096, limits.maxUnsettled) } = options
  checkInteger('prefetch', prefetch, 1, limits.maxUnsettled)
  checkInteger('resumeTimeoutMs', resumeTimeoutMs, 0, MAX_RESUME_MS)
  if (authenticate !== undefined) checkFunction('authenticate', authenticate)
  if (authorize !== undefined) checkFunction('authorize', authorize)
  if (typeof chooseDispatch !== 'object') checkFunction('chooseDispatch', chooseDispatch)
  return {
    env,
    limits,
    item: codecFrom('item', options.item),
    result: codecFrom('result', options.result),
    id: options.id ?? randomName('server', env),
    status: statusFrom(options.status),
    prefetch,
    policy: chooseDispatch,
    protocol: traced(protocol, traceOf(options)),
    exposeErrors,
    insecure,
    tokens: tokensFrom('token', options.token),
    authenticate,
    authorize,
    ready,
    resumeTimeoutMs,
    flushDelayMs: flushDelayFrom(options),
    logger: harmless(options.logger ?? silent),
  }
}
