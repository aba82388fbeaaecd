import type { Delivery } from 'netqueue'
import type { Random } from '../random.ts'
import type { LeafLife } from './leaf-life.ts'
import type { TreeWorld } from './tree-world.ts'

/** How a leaf takes items. */
export type Habit = (leaf: LeafLife) => Promise<void>

export const byHandler: Habit = async (leaf) => {
  const { client, concurrency } = leaf
  const stop = new AbortController()
  leaf.stopLater(() => stop.abort(new Leave('left')))
  const handle = async (text: string, delivery: Delivery<string>): Promise<string | undefined> => {
    const item = leaf.handed(text)
    const answers = await leaf.work(item, delivery.signal)
    if (leaf.fails()) {
      if (delivery.wantsResult) leaf.finished(item, 'failed')
      throw new Error('the handler failed')
    }
    if (leaf.has.failures && leaf.tempted(0.03)) {
      leaf.finished(item, 'reject')
      delivery.reject(new Error('of no use'))
      return undefined
    }
    leaf.finished(item, 'done', answers)
    if (item !== undefined) item.hasResult = true
    return delivery.wantsResult ? `done ${text}` : undefined
  }
  const work = client?.process(handle, {
    concurrency,
    signal: stop.signal,
  })
  await work?.catch(async (error: unknown) => {
    if (!(error instanceof Leave)) return
    await leaf.sleep(leaf.life.random.between(0, 100))
    await byHandler(leaf)
  })
}

const byLoop: Habit = async (leaf) => {
  const { client, life } = leaf
  if (client === undefined) return
  for (let isLeft = true; isLeft;) {
    isLeft = false
    try {
      for await (const text of client) {
        const item = leaf.handed(text)
        const answers = await leaf.work(item)
        isLeft = leaf.has.leaving && leaf.tempted(0.1)
        if (isLeft) break
        leaf.finished(item, 'done', answers)
      }
    } catch {
      // The client has ended.
    }
    if (isLeft) await leaf.sleep(life.random.between(0, 50))
  }
}

const byDeliveries: Habit = async (leaf) => {
  const { client, life } = leaf
  if (client === undefined) return
  const finish = async (delivery: Delivery<string, string>): Promise<void> => {
    const item = leaf.handed(delivery.item)
    const answers = await leaf.work(item, delivery.signal)
    if (leaf.fails()) {
      if (life.random.chance(0.7)) return void delivery.release()
      leaf.finished(item, 'reject')
      return void delivery.reject(new Error('of no use'))
    }
    leaf.finished(item, 'done', answers)
    if (item !== undefined) item.hasResult = true
    if (delivery.wantsResult) delivery.done(`done ${delivery.item}`)
    else delivery.done()
  }
  try {
    for await (const delivery of client.deliveries()) await finish(delivery)
  } catch {
    // The client has ended.
  }
}

/** Takes nothing: it must be sent nothing. */
export const putOnly: Habit = async (leaf) => {
  while (!leaf.isCalm && leaf.isThere) await leaf.sleep(100)
  await leaf.client?.close()
}

const HABITS: readonly Habit[] = [byHandler, byHandler, byLoop, byDeliveries]
const ALL_HABITS: readonly Habit[] = [...HABITS, putOnly]

class Leave extends Error {}

export function drawHabit({ isCalm, plan }: TreeWorld, random: Random): Habit {
  if (isCalm) return byHandler
  return random.pick(plan.has.putOnly ? ALL_HABITS : HABITS)
}
