import type { Delivery } from 'netqueue'
import { addClientPut, isThere } from './client-puts.ts'
import type { Item } from './ledger.ts'
import type { Life, SimClient, World } from './world.ts'

/** How a client takes items, until its connection is over. */
export type Habit = (world: World, life: Life, client: SimClient) => Promise<void>

class Leave extends Error {}

/** Whether to misbehave now; nobody does once the world is calm. */
const tempted = (world: World, life: Life, probability: number): boolean =>
  life.random.chance(probability) && !world.isCalm

async function work(world: World, { process, random }: Life): Promise<void> {
  const { workMs, has } = world.swarm
  const slow = has.slowness && random.chance(0.1) ? 20 : 1
  if (random.chance(0.8)) await world.sleep(process, random.between(0, workMs * (world.isCalm ? 0.2 : 2 * slow)))
}

/** The same of an item for which there may be too little time: asks for more, sometimes. */
async function workLong(world: World, life: Life, delivery: Delivery<string>): Promise<void> {
  await work(world, life)
  if (world.patience.settleTimeoutMs === 0 || !life.random.chance(0.2)) return
  delivery.extend()
  await work(world, life)
}

/** Puts an answer before the item is settled; the settle must not overtake it. */
async function answer(world: World, life: Life, client: SimClient, item: Item | undefined): Promise<void> {
  if (item === undefined || !world.swarm.has.clientPuts || !life.random.chance(0.6)) return
  const { item: result, call } = addClientPut(world, life, client)
  // One that was taken back may have come again, and be settled by whoever works on it there.
  if (!item.wasTakenBack) life.session?.books.sequence.mustFollow(world.down(life), item, result)
  // Not waiting for it changes nothing: the settle waits for the put.
  if (life.random.chance(0.7)) await call
}

/** Whether to take nothing any more, and stay. */
const retires = (world: World, life: Life): boolean => world.patience.retires && tempted(world, life, 0.5)

/** Whether to fail: more often where clients retire, so that those have items that are delivered alone. */
const fails = (world: World, life: Life): boolean =>
  world.swarm.has.failures && tempted(world, life, world.patience.retires ? 0.45 : 0.15)

/** Takes nothing any more. Where items may wait for this client alone, it works again when all is calm. */
async function retire(world: World, life: Life, client: SimClient): Promise<void> {
  world.note(`${life.name} retires`)
  world.counts.retired += 1
  const { policy, has } = world.swarm
  if (!has.addressing && policy !== 'hashBy' && policy !== 'slow') return
  while (!world.isCalm && isThere(client)) await world.sleep(life.process, 100)
  await process(world, life, client)
}

const loop: Habit = async (world, life, client) => {
  life.readers = 1
  let isLeft = true
  while (isLeft) {
    isLeft = false
    try {
      for await (const text of client) {
        const item = world.handedToClient(life, text)
        await work(world, life)
        await answer(world, life, client, item)
        if (!world.swarm.has.leaving || !tempted(world, life, 0.1)) continue
        isLeft = true
        if (item !== undefined) life.session?.books.sequence.leftOpen(world.down(life), item)
        world.counts.loopsLeft += 1
        if (life.random.chance(0.5)) break
        throw new Leave('left')
      }
    } catch (error) {
      if (!(error instanceof Leave)) return
    }
    if (isLeft && retires(world, life)) return retire(world, life, client)
    await world.sleep(life.process, life.random.between(0, 50))
  }
}

const process: Habit = async (world, life, client) => {
  const concurrency = life.random.integer(1, 3)
  // What was granted to more readers before may still come.
  life.readers = Math.max(life.readers, concurrency)
  const stop = new AbortController()
  const handle = async (text: string, delivery: Delivery<string>): Promise<string> => {
    const item = world.handedToClient(life, text, delivery.attempt)
    if (text.startsWith('hang')) await fired(delivery.signal)
    await workLong(world, life, delivery)
    if (fails(world, life)) throw new Error('the handler failed')
    if (world.swarm.has.failures && tempted(world, life, 0.03)) delivery.reject(new Error('of no use'))
    await answer(world, life, client, item)
    return delivery.wantsResult ? `done ${text}` : (undefined as unknown as string)
  }
  if (world.swarm.has.leaving) {
    world.schedule.after(life.random.between(50, 1_500), life.process, () => {
      if (!world.isCalm) stop.abort(new Leave('left'))
    })
  }
  await client.process(handle, { concurrency, signal: stop.signal }).catch((error: unknown) => {
    if (!(error instanceof Leave)) return
    world.counts.loopsLeft += 1
    if (retires(world, life)) return retire(world, life, client)
    return world.sleep(life.process, life.random.between(0, 50)).then(() => process(world, life, client))
  })
}

const deliveries: Habit = async (world, life, client) => {
  life.readers = 1
  const depth = life.random.integer(1, 4)
  const held: Promise<void>[] = []
  const finish = async (delivery: Delivery<string>): Promise<void> => {
    const item = world.handedToClient(life, delivery.item, delivery.attempt)
    if (delivery.item.startsWith('hang')) await fired(delivery.signal)
    await workLong(world, life, delivery)
    if (fails(world, life)) {
      if (life.random.chance(0.7)) delivery.release()
      else delivery.reject(new Error('of no use'))
      world.check(!delivery.done(), 'I4', `${life.name} settled ${item?.key}, which it had given back`)
      return
    }
    await answer(world, life, client, item)
    const settled = delivery.wantsResult ? delivery.done(`done ${delivery.item}`) : delivery.done()
    if (!settled || life.random.chance(0.2)) {
      world.check(!delivery.done(), 'P4', `${life.name} settled ${item?.key} twice`)
    }
  }
  try {
    for await (const delivery of client.deliveries()) {
      // A put that failed leaves the delivery open, until the connection's end.
      held.push(finish(delivery).catch(() => {}))
      if (held.length >= depth) await Promise.all(held.splice(0))
    }
  } catch {
    // The connection was lost.
  }
}

const oneByOne: Habit = async (world, life, client) => {
  life.readers = 1
  while (isThere(client)) {
    try {
      const how = life.random.below(4)
      if (how === 0) world.handedToClient(life, await client.get({ timeout: 200 }))
      else if (how === 1) {
        const got = client.tryGet()
        if (got !== undefined) world.handedToClient(life, got.value)
      } else if (how === 2) {
        if (await client.poll({ timeout: 100 })) for (const text of client.getAll()) world.handedToClient(life, text)
      } else {
        const delivery = await client.receive({ timeout: 200 })
        const item = world.handedToClient(life, delivery.item, delivery.attempt)
        if (delivery.item.startsWith('hang')) await fired(delivery.signal)
        await answer(world, life, client, item)
        delivery.done()
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'QUEUE_EMPTY') return
    }
    await world.sleep(life.process, life.random.between(1, 20))
  }
}

/** Takes nothing: it must be sent nothing. */
const putOnly: Habit = async (world, life, client) => {
  life.readers = 0
  while (!world.isCalm && isThere(client)) await world.sleep(life.process, 100)
  // Items that a policy keeps for this client alone would wait for it as long as it lives.
  await client.close()
}

const HABITS: readonly Habit[] = [loop, loop, process, process, deliveries, oneByOne, putOnly]

export function drawHabit({ isCalm }: World, { random }: Life): Habit {
  return isCalm ? process : random.pick(HABITS)
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
