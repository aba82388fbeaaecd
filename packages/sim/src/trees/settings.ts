import { text } from 'netqueue'
import type { ChooseDispatch, ClientOptions, Codec, ServerClient, ServerOptions } from 'netqueue'
import type { NodeLife } from './node-life.ts'
import type { Plan } from './plan.ts'
import type { TreeWorld } from './tree-world.ts'

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

/** Somebody who is free, whoever that is, now or later; nobody at times, where somebody has work and will be heard of, be it before the answer. */
export function choosing(
  world: TreeWorld,
  { random, process }: NodeLife,
): { chooseDispatch?: ChooseDispatch<string, ServerClient> } {
  if (!world.plan.has.choosing || random.chance(0.3)) return {}
  return {
    chooseDispatch: (free, { clients }) => {
      const isHeardOf = clients.some(({ inFlight }) => inFlight > 0)
      const isNobodys = isHeardOf && !world.isCalm && random.chance(0.15)
      if (!isNobodys) world.counts.choices += 1
      const choice = isNobodys ? undefined : random.pick(free)
      if (random.chance(0.7)) return choice
      return world.sleep(process, random.between(0, 5)).then(() => choice)
    },
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
