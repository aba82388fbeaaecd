import type { WaitOptions } from 'netqueue'
import type { Item } from './ledger.ts'
import type { Life, SimClient, World } from './world.ts'

/** Whether it is connected, or will be. */
export const isThere = ({ state }: SimClient): boolean => state === 'connected' || state === 'reconnecting'

/** One put of a client's, which is followed. The call is rejected where the put was, so that a worker does not go on without it. */
export function addClientPut(
  world: World,
  life: Life,
  client: SimClient,
  options: WaitOptions = {},
): { item: Item; call: Promise<void> } {
  const bytes = world.swarm.has.bigItems && life.random.chance(0.05) ? 70_000 : life.random.integer(1, 200)
  const item = world.item(life.ledger, `${life.name}-${life.ledger.items.size + 1}`, bytes)
  const call = client.put(item.text, options)
  void world.put(life.process, item, call)
  call.catch(() => {})
  return { item, call }
}

/** Puts now and then, whatever else the client does. */
export async function putNowAndThen(world: World, life: Life, client: SimClient): Promise<void> {
  const { random, process } = life
  for (let left = random.integer(0, 12); left > 0 && isThere(client) && !world.isCalm; left -= 1) {
    await world.sleep(process, random.between(0, 150))
    if (!isThere(client)) return
    const how = random.below(4)
    if (how === 0) {
      const key = `${life.name}-${life.ledger.items.size + 1}`
      const item = world.item(life.ledger, key, 20)
      item.call = client.tryPut(item.text) ? 'resolved' : 'failed'
      if (item.call === 'failed') item.isWithdrawn = true
    } else if (how === 1) addClientPut(world, life, client, { timeout: random.integer(0, 100) })
    else if (how === 2) addClientPut(world, life, client, { signal: world.abortSoon(process, random.between(0, 60)) })
    else await addClientPut(world, life, client).call.catch(() => {})
  }
}
