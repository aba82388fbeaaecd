import { Slot } from './client-life.ts'
import { startFaults } from './faults.ts'
import { finish } from './finale.ts'
import { withoutHost } from './host-guard.ts'
import { judged } from './judged.ts'
import type { Report } from './judged.ts'
import { newProcess } from './schedule.ts'
import type { Process } from './schedule.ts'
import { startServer } from './server-life.ts'
import { Trace } from './trace.ts'
import { World } from './world.ts'
import type { Life } from './world.ts'

/** Simulated milliseconds after the last fault in which everything must have come to its end. */
const CALM_MS = 60_000

/** Simulated milliseconds that a connection may wait for the other end to go. */
const LINGER_MS = 2_000

/** Events in the life of one world; those that end have a few thousand. */
const MAX_EVENTS = 200_000

export interface SimulateOptions {
  /** Is given each line of the trace. */
  print?: ((line: string) => void) | undefined
  /** Leaves out what is said beside items. */
  itemsOnly?: boolean
  /** Each client has one connection. */
  noReturns?: boolean
}

/** Runs one seed's world to its end, or to its first violation. */
export function simulate(
  seed: number,
  { print, itemsOnly = false, noReturns = false }: SimulateOptions = {},
): Promise<Report> {
  return withoutHost(() => {
    const world = new World(seed, new Trace(print), { talks: !itemsOnly, returns: !noReturns })
    return judged(seed, world, () => play(world))
  })
}

async function play(world: World): Promise<void> {
  const { swarm, schedule, random } = world
  world.note(JSON.stringify(swarm))
  world.note(JSON.stringify(world.patience))
  if (world.returns !== undefined) world.note(JSON.stringify(world.returns))
  await startServer(world)
  const slots = Array.from({ length: swarm.clients }, (_, index) => new Slot(world, index + 1))
  for (const slot of slots) slot.start(random.between(0, 100))
  startFaults(world, slots)
  let isOver = false
  schedule.after(swarm.faultsEnd, newProcess('finale'), () => {
    world.note('calm')
    world.isCalm = true
    // Whoever else is there, somebody works.
    const helper = new Slot(world, slots.length + 1)
    void world.serverIsUp.then(() => helper.start(0))
    slots.push(helper)
    finish(world, slots).then(
      () => (isOver = true),
      (error: unknown) => world.violate('I12', `the end failed: ${String(error)}`),
    )
  })
  await schedule.run(swarm.faultsEnd + CALM_MS, () => {
    world.checkOrder()
    world.sessions.checkAway()
    world.talk?.lookAround()
    world.check(schedule.ran < MAX_EVENTS, 'I12', `still busy after ${MAX_EVENTS} events`)
    return isOver || world.violation !== undefined
  })
  if (world.violation !== undefined) return
  world.check(
    isOver,
    'I12',
    `still waiting after ${CALM_MS} calm milliseconds: ${[...world.openCalls, ...world.openItems].join(', ')}`,
  )
  if (!isOver) return
  // Those who were still connecting learn that nobody is there.
  await schedule.run(schedule.now + CALM_MS, () => isEverybodyGone(world) || world.violation !== undefined)
  world.check(isEverybodyGone(world), 'I12', 'a client outlived its server')
  world.check(world.openCalls.length === 0, 'I11', `calls that never settled: ${world.openCalls.join(', ')}`)
  const { lives, oldServers, serverProcess } = world
  const processesOf = (some: readonly Life[]): Process[] => some.map(({ process }) => process)
  world.checkTimers([...oldServers, serverProcess, ...processesOf(lives.filter(({ client }) => client !== undefined))])
  // A connection that was never opened may still wait for its last words to be read.
  await schedule.run(schedule.now + LINGER_MS, () => world.violation !== undefined)
  world.checkTimers(processesOf(lives))
}

function isEverybodyGone({ openCalls, lives }: World): boolean {
  return openCalls.length === 0 && lives.every(({ isClosed }) => isClosed)
}
