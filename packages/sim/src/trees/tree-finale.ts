import type { NodeLife } from './node-life.ts'
import type { Inhabitants } from './tree-faults.ts'
import type { TreeItem } from './tree-item.ts'
import type { TreeWorld } from './tree-world.ts'

/** In that time all that is under way has arrived, and all that waits has been looked at. */
const QUIET_MS = 1_500

/** After the last fault: everything finishes; then every leaf stands still, then goes, and the credit of each is what it must be. */
export async function finishTree(world: TreeWorld, there: Inhabitants): Promise<void> {
  const { root } = there
  const { process } = root.life
  await root.produced
  await everybody(world, there)
  await world.track(process, 'idle', root.server.idle())
  // What goes back to somebody who is away goes on when that one is not waited for any more.
  await world.sleep(process, QUIET_MS + world.plan.resumeTimeoutMs)
  checkEmpty(world)
  await talk(world, there)
  await flood(world, there)
  await besideOne(world, there)
  await world.sleep(process, QUIET_MS)
  checkEmpty(world)
  await leave(world, there)
  const { undone } = await world.track(process, 'close', root.server.close())
  await root.read
  world.check(undone.length === 0, 'I6', `${undone.length} items are undone after idle()`)
  checkItems(world, there)
}

/** Waits until somebody lives at every place, and can work. */
async function everybody(world: TreeWorld, { root, relays, leaves }: Inhabitants): Promise<void> {
  const missing = (): string[] => [
    ...relays.filter(({ node: relay }) => relay?.isThere !== true).map(({ place }) => place.name),
    ...leaves.filter(({ node: leaf }) => leaf?.isReading !== true).map(({ place }) => place.name),
  ]
  const ready = async (): Promise<void> => {
    // Whoever was paused until now hears first what it has missed: that its parent has left for good, and it with that.
    await world.sleep(root.life.process, 100)
    while (missing().length > 0) {
      world.note(`waits for ${missing().join(' ')}`)
      await world.sleep(root.life.process, 100)
    }
  }
  await world.track(root.life.process, 'waits for everybody', ready())
}

async function talk(world: TreeWorld, { root, leaves }: Inhabitants): Promise<void> {
  const there = leaves.flatMap(({ node: leaf }) =>
    leaf?.client === undefined ? [] : { life: leaf.life, client: leaf.client },
  )
  const talking = world.talk?.checkCalm(root.life, root.server, there)
  if (talking !== undefined) await world.track(root.life.process, 'talks at the end', talking)
}

/** Every leaf stands still: so many items are taken as they work on, and wait for, and no more. */
async function flood(world: TreeWorld, { root, relays, leaves }: Inhabitants): Promise<void> {
  const { plan } = world
  const { process } = root.life
  world.note('flood')
  const open = closeGate(world)
  const working = leaves.flatMap(({ node: leaf }) => leaf ?? [])
  const readers = sum(working.map(({ concurrency }) => concurrency))
  const slack = slackOf(plan.leafPrefetch) * leaves.length + slackOf(plan.relayPrefetch) * relays.length
  const calls: Promise<void>[] = []
  for (let left = readers + slack + 3; left > 0; left -= 1) calls.push(root.put('flood').call)
  await world.sleep(process, QUIET_MS)
  // Whoever has two above asks both for what it can take, and gives back what is too much.
  const isLimited = plan.maxUnsettled <= readers + slack
  for (const { life, busy, concurrency } of world.isSingle && !isLimited ? working : [])
    world.check(busy >= concurrency, 'I32', `${life.name} works on ${busy} items, where ${concurrency} would be enough`)
  for (const { name, isClosed, down } of world.lives)
    if (!isClosed) world.note(`${name} has ${down.keys.join(' ')}, of which ${down.waiting} wait there`)
  const out = sum(root.server.clients.map(({ inFlight }) => inFlight))
  world.check(
    out <= readers + slack || !world.isSingle,
    'I32',
    `${out} items are out, where all readers and all slack are ${readers + slack}`,
  )
  world.counts.floods += 1
  open()
  await Promise.all(calls)
  await world.track(process, 'idle', root.server.idle())
}

/** One leaf stands still, and more is for it than it works on: whatever else is put is done by the others. */
async function besideOne(world: TreeWorld, { root, leaves }: Inhabitants): Promise<void> {
  const { plan } = world
  const { process, random } = root.life
  const working = leaves.flatMap(({ node: leaf }) => leaf ?? [])
  const stuck = random.pick(working)
  const { life, concurrency } = stuck
  const node = world.leavesAt(root.server).find(({ id }) => id === life.name)
  // Whoever keeps some at hand, whatever they take, has those behind what stands still.
  const keepsSome = [plan.leafPrefetch, plan.relayPrefetch].some((prefetch) => prefetch !== 'auto' && prefetch > 1)
  const others = sum(working.map((leaf) => leaf.concurrency)) - concurrency
  if (node === undefined || keepsSome || others === 0 || !world.isSingle || plan.maxUnsettled < 64) return
  world.note(`${life.name} stands still`)
  const open = closeGate(world, life)
  const calls = Array.from({ length: concurrency + random.integer(0, 4) }, () => root.putTo(node).call)
  await world.sleep(process, QUIET_MS)
  const isFull = stuck.busy === concurrency
  const beside = Array.from({ length: others + 2 }, () => root.put('beside'))
  await world.sleep(process, QUIET_MS)
  // What a stage has dropped on its way leaves it room for others.
  for (const { item } of isFull ? beside : [])
    world.check(item.ending !== undefined, 'I34', `${item.key} is not done, though only ${life.name} stands still`)
  world.counts.stuck += 1
  open()
  await Promise.all([...calls, ...beside.map(({ call }) => call)])
  await world.track(process, 'idle', root.server.idle())
}

/** Has all leaves stand still, or one; returns what lets them go on. */
function closeGate(world: TreeWorld, only?: NodeLife): () => void {
  let resolve!: () => void
  const opens = new Promise<void>((open) => (resolve = open))
  world.gate = { opens, ...(only !== undefined && { only }) }
  return () => {
    world.gate = undefined
    resolve()
  }
}

/** What may wait beside what is worked on, where items are slow: a node that looks after it itself keeps one. */
const slackOf = (prefetch: number | 'auto'): number => (prefetch === 'auto' ? 1 : prefetch - 1)

/** Leaves go, and with them all credit; then relays go. */
async function leave(world: TreeWorld, { root, relays, leaves }: Inhabitants): Promise<void> {
  const { process } = root.life
  for (const slot of [...leaves, ...relays]) slot.isClosed = true
  await Promise.all(leaves.map(({ node: leaf }) => leaf?.close() ?? Promise.resolve()))
  await world.sleep(process, QUIET_MS)
  for (const { id, credit } of root.server.clients)
    world.check(credit === 0, 'I32', `${id} would take ${credit} items, and has nobody to give them to`)
  const deepestFirst = relays.toSorted((a, b) => b.place.depth - a.place.depth)
  for (const { node: relay } of deepestFirst) await relay?.close()
}

/** Nothing is left of what is settled. */
function checkEmpty(world: TreeWorld): void {
  for (const { name, process, isClosed, down, up } of world.lives) {
    if (process.isDead || isClosed) continue
    world.check(down.keys.length === 0, 'I6', `${name} still has ${down.keys.join(', ')}`)
    world.check(up.keys.length === 0, 'I6', `${name} still has ${up.keys.join(', ')}`)
  }
}

function checkItems(world: TreeWorld, { root }: Inhabitants): void {
  const dead = new Set(root.server.deadLetters.list().map(({ item }) => item))
  for (const item of world.items.values()) {
    const { key, owner, call, ending } = item
    world.check(call !== 'waiting' || owner.process.isDead, 'I11', `the put of ${key} never settled`)
    if (owner === root.life) checkDown(world, item, dead.has(item.text))
    else checkUp(world, item)
    if (ending !== undefined) world.counts.settled += 1
  }
}

function checkDown(world: TreeWorld, { key, call, ending, isDead }: TreeItem, isDeadLetter: boolean): void {
  if (call !== 'resolved') return
  world.check(
    ending !== undefined || isDead || isDeadLetter,
    'I1',
    `${key} is missing: neither settled nor a dead letter`,
  )
}

/** What a leaf has put came to the root, unless whoever had it says that it did not, or is dead. */
function checkUp(world: TreeWorld, { key, call, owner, outcomes, seenBy }: TreeItem): void {
  if (call !== 'resolved' || outcomes.done > 0 || outcomes.reject > 0) return
  // Whoever has passed it on to somebody who said goodbye, and had received it, has nothing to say of it any more, and may live on.
  const holders = seenBy.size === 0 ? [owner] : [...seenBy].filter(({ keptAbove }) => !keptAbove.has(key))
  const isTold = [owner, ...seenBy].some(({ undone }) => undone.has(key))
  const isLostWithAll = holders.every(({ process }) => process.isDead)
  world.check(isTold || isLostWithAll, 'I1', `${key} of ${owner.name} is missing: it never came to the root`)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
