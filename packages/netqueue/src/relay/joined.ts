import type { DeliverySource } from '../delivery/delivery.ts'
import type { Inbox } from '../delivery/inbox.ts'
import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Codec } from '../message/codec.ts'
import { Down } from './down.ts'
import type { Children, DownInit } from './down.ts'
import { Order } from './order.ts'
import type { Lengths } from './lengths.ts'
import type { Stage } from './stage.ts'
import type { SideTraits } from './relay-settings.ts'
import { Up } from './up.ts'
import type { Parents } from './up.ts'

export interface JointInit {
  env: Env
  above: SideTraits & { inbox: Inbox; puts: Parents }
  below: SideTraits & { inbox: Inbox; backlog: Children; clientele: DownInit['clientele'] }
  down: Stage<unknown> | undefined
  up: Stage<unknown> | undefined
  lengths: Lengths
  warn: (error: NetQueueError) => void
}

/** What joins the two sides of a relay. */
export interface Joint {
  /** A parent is about to leave: it is not to wait for what has come from there and nobody works on. */
  handBack(source: DeliverySource): void
  /** Takes nothing more from above. */
  stopDown(): void
  /** Resolves when all that children have put is the parent's, or time is up. */
  finishUp(timeout: number): Promise<void>
  /** From now on that takes no longer than this. */
  limitUp(timeout: number): void
  /** Passes nothing on any more. Gives what children had put, and nobody has: they are gone themselves. */
  stop(): unknown[]
}

/** Joins a client and a server: what comes in on one goes out on the other. */
export function joined({ env, above, below, down, up, lengths, warn }: JointInit): Joint {
  const order = new Order()
  const shared = { env, warn, order }
  const upStage = up ?? between(below.result, above.result)
  const downwards = new Down({
    ...shared,
    inbox: above.inbox,
    backlog: below.backlog,
    clientele: below.clientele,
    lengths,
    codec: below.item,
    maxItemBytes: below.maxItemBytes,
    stage: down ?? between(above.item, below.item),
    resultCodec: below.result,
    resultStage: upStage,
  })
  const upwards = new Up({
    ...shared,
    inbox: below.inbox,
    puts: above.puts,
    codec: above.result,
    maxItemBytes: above.maxItemBytes,
    stage: upStage,
  })
  return {
    handBack: (source) => downwards.handBack(source),
    stopDown: () => downwards.stop(),
    finishUp: (timeout) => upwards.finish(timeout),
    limitUp: (timeout) => upwards.limit(timeout),
    stop: () => {
      upwards.stop()
      return upwards.takeAll().map(({ item }) => item)
    },
  }
}

/** Bytes pass as they are, unless the two sides write them in different ways. */
function between(from: Codec<unknown>, to: Codec<unknown>): Stage<unknown> | undefined {
  return from.name === to.name ? undefined : (item) => item
}
