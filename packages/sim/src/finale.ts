import type { Slot } from './client-life.ts'
import { keyOf } from './ledger.ts'
import type { Item } from './ledger.ts'
import { checkTalk, quieten } from './talk/quiet.ts'
import type { World } from './world.ts'

/** After the last fault: lets everything finish, closes everybody, and sees that the books balance. */
export async function finish(world: World, slots: readonly Slot[]): Promise<void> {
  await world.serverIsUp
  const { server, serverProcess, serverLife: life, swarm } = world
  if (swarm.has.earlyClose) {
    world.counts.earlyCloses += 1
    const closing = world.track(serverProcess, 'close early', server.close({ timeout: world.random.integer(0, 2_000) }))
    await life.produced
    await closing
  } else {
    await life.produced
    if (world.talk !== undefined) await world.track(serverProcess, 'talks', quieten(world, world.talk))
    await world.track(serverProcess, 'idle', server.idle())
    world.check(server.backlog === 0, 'I6', `${server.backlog} items wait after idle()`)
  }
  await Promise.all(slots.map((slot) => closeClient(world, slot)))
  const { undone } = await world.track(serverProcess, 'close', server.close())
  await life.read
  checkServerItems(world, undone)
  checkClientItems(world)
  if (world.talk !== undefined) checkTalk(world, world.talk)
}

/** A server goes and comes again: what it had is done, or undone, and nothing of it is missing. */
export async function restart(world: World, timeout: number): Promise<void> {
  const { server, serverProcess, serverLife } = world
  world.counts.restarts += 1
  const closing = world.track(serverProcess, 'restart', server.close({ reason: 'restart', timeout }))
  await serverLife.produced
  const { undone } = await closing
  await serverLife.read
  checkServerItems(world, undone, { hasClosed: true })
  world.oldServers.push(serverProcess)
}

async function closeClient(world: World, slot: Slot): Promise<void> {
  slot.isClosed = true
  const { life } = slot
  if (life === undefined || life.process.isDead) return
  if (life.client === undefined) return life.stop.abort(new Error('aborted by the simulator'))
  await world.track(life.process, 'close at the end', life.client.close())
}

/** No item whose put had resolved may be missing. */
function checkServerItems(
  world: World,
  undone: readonly string[],
  { hasClosed = world.swarm.has.earlyClose } = {},
): void {
  const { server, serverLedger } = world
  const dead = new Set(server.deadLetters.list().map(({ item }) => keyOf(item)))
  const left = new Set(undone.map(keyOf))
  for (const item of serverLedger.items.values()) {
    const key = item.key.replace(/@.*/, '@')
    world.check(item.call !== 'waiting', 'I11', `the put of ${item.key} never settled`)
    if (item.call !== 'resolved' || item.state === 'done') continue
    const isKnown = dead.has(key) || left.has(key)
    world.check(isKnown, 'I1', `${item.key} is missing: neither done, nor a dead letter, nor undone (${item.state})`)
    world.check(
      item.state !== 'dead' || dead.has(key) || hasClosed,
      'I6',
      `${item.key} failed for good, but is no dead letter`,
    )
  }
  for (const key of left)
    world.check(serverLedger.items.get(key)?.state !== 'done', 'I6', `${key} is undone, but was settled`)
}

function checkClientItems(world: World): void {
  for (const { name, ledger, process, client, undone } of world.lives) {
    const left = new Set(undone.map(keyOf))
    const dead = new Set(client?.deadLetters.list().map(({ item }) => keyOf(item)))
    for (const item of ledger.items.values()) {
      checkKept(world, item)
      if (process.isDead || item.call !== 'resolved' || item.state === 'done') continue
      // What the server has received is the server's from then on.
      const isKnown =
        left.has(item.key) || dead.has(item.key) || item.isKept || item.isFinished || item.isBuriedWithServer
      world.check(isKnown, 'I1', `${item.key} is missing at ${name}: neither settled, nor undone, nor a dead letter`)
    }
    for (const key of left)
      world.check(ledger.items.get(key)?.call === 'resolved', 'I6', `${key} is undone, but its put did not resolve`)
  }
}

/** What the server had received when its client was lost is the server's to hand out. */
function checkKept(world: World, item: Item): void {
  if (!item.isKept) return
  world.check(item.isFinished, 'I1', `${item.key} was received from a client that was then lost, and never handed out`)
}
