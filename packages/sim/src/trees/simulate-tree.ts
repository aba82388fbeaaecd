import { withoutHost } from '../host-guard.ts'
import { newProcess } from '../schedule.ts'
import { judged } from '../judged.ts'
import type { Report } from '../judged.ts'
import type { SimulateOptions } from '../simulate.ts'
import { Trace } from '../trace.ts'
import { LeafLife } from './leaf-life.ts'
import { NodeSlot } from './node-slot.ts'
import { RelayLife } from './relay-life.ts'
import { RootLife } from './root-life.ts'
import { TreeFaults } from './tree-faults.ts'
import type { Inhabitants } from './tree-faults.ts'
import { finishTree } from './tree-finale.ts'
import { TreeWorld } from './tree-world.ts'

/** Simulated milliseconds after the last fault in which everything must have come to its end. */
const CALM_MS = 120_000

/** Simulated milliseconds that a connection may wait for the other end to go. */
const LINGER_MS = 3_000

/** Events in the life of one world; those that end have some ten thousand. */
const MAX_EVENTS = 400_000

/** Runs one seed's tree to its end, or to its first violation. */
export function simulateTree(seed: number, options: Pick<SimulateOptions, 'print'> = {}): Promise<Report> {
  return withoutHost(() => {
    const world = new TreeWorld(seed, new Trace(options.print))
    return judged(seed, world, () => play(world))
  })
}

async function play(world: TreeWorld): Promise<void> {
  const { plan, schedule } = world
  world.note(JSON.stringify({ ...plan, relays: plan.relays.length, leaves: plan.leaves.length }))
  const there = await people(world)
  new TreeFaults(world, there).start()
  let isOver = false
  schedule.after(plan.faultsEnd, newProcess('finale'), () => {
    world.note('calm')
    world.isCalm = true
    finishTree(world, there).then(
      () => (isOver = true),
      (error: unknown) =>
        world.violate('I12', `the end failed: ${error instanceof Error ? error.stack : String(error)}`),
    )
  })
  await schedule.run(plan.faultsEnd + CALM_MS, () => {
    world.checkEvent()
    world.check(schedule.ran < MAX_EVENTS, 'I12', `still busy after ${MAX_EVENTS} events`)
    return isOver || world.violation !== undefined
  })
  if (world.violation !== undefined) return
  const { openCalls } = world
  world.check(isOver, 'I12', `still waiting after ${CALM_MS} calm milliseconds: ${openCalls.join(', ')}`)
  world.check(!isOver || openCalls.length === 0, 'I11', `calls that never settled: ${openCalls.join(', ')}`)
  if (world.violation !== undefined) return
  await schedule.run(schedule.now + LINGER_MS, () => world.violation !== undefined)
  world.checkTimers(world.lives.map((life) => life.process))
}

async function people(world: TreeWorld): Promise<Inhabitants> {
  const { plan, random } = world
  const root = await RootLife.start(world)
  const relays = plan.relays.map((place) => new NodeSlot(world, place, (...at) => new RelayLife(...at)))
  const leaves = plan.leaves.map((place) => new NodeSlot(world, place, (...at) => new LeafLife(...at)))
  for (const slot of [...relays, ...leaves]) slot.start(random.between(0, 100))
  return { root, relays, leaves }
}
