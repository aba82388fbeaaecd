import type { Inbox } from '../delivery/inbox.ts'
import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Codec } from '../message/codec.ts'
import type { Limits } from '../options/limits.ts'
import { Down } from './down.ts'
import type { Children } from './down.ts'
import { Order } from './order.ts'
import { Up } from './up.ts'
import type { Parents } from './up.ts'

export interface JointInit {
  env: Env
  above: { inbox: Inbox; puts: Parents }
  below: { inbox: Inbox; backlog: Children; codec: Codec<unknown>; resultCodec: Codec<unknown> }
  limits: Limits
  warn: (error: NetQueueError) => void
}

/** What joins the two sides of a relay. */
export interface Joint {
  /** Takes nothing more from above. */
  stopDown(): void
  stop(): void
}

/** Joins a client and a server: what comes in on one goes out on the other. */
export function joined({ env, above, below, limits: { maxItemBytes }, warn }: JointInit): Joint {
  const order = new Order()
  const down = new Down({
    env,
    inbox: above.inbox,
    codec: below.codec,
    maxItemBytes,
    warn,
    backlog: below.backlog,
    order,
  })
  const up = new Up({
    env,
    inbox: below.inbox,
    codec: below.resultCodec,
    maxItemBytes,
    warn,
    puts: above.puts,
    order,
  })
  return {
    stopDown: () => down.stop(),
    stop: () => up.stop(),
  }
}
