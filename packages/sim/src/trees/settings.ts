import { text } from 'netqueue'
import type { ClientOptions, Codec, ServerOptions } from 'netqueue'
import type { Plan } from './plan.ts'

/** What both kinds of sides have in common. */
export const codecs: { item: Codec<string>; result: Codec<string> } = {
  item: text(),
  result: text(),
}

export const limitsOf = ({ maxUnsettled, heartbeatMs }: Plan): { maxUnsettled: number; heartbeatMs: number } => ({
  maxUnsettled,
  heartbeatMs,
})

/** How a node treats those below. */
export function servingOf(plan: Plan): Omit<ServerOptions<string, string>, 'messages'> {
  return {
    prefetch: plan.roomBelow,
    maxAttempts: plan.maxAttempts,
    retryDelayMs: 5,
    maxRetryDelayMs: 100,
    resumeTimeoutMs: plan.resumeTimeoutMs,
  }
}

/** How a node finds those above, and finds them again. */
export const finding: Omit<ClientOptions<string, string>, 'messages'> = {
  connectTimeoutMs: 400,
  reconnect: { minDelayMs: 5, maxDelayMs: 100 },
  wait: true,
  retryDelayMs: 5,
  maxRetryDelayMs: 100,
}
