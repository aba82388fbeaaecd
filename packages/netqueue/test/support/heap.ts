import { text } from 'node:stream/consumers'
import { getHeapSnapshot, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { turn } from './handles.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the heap that are in use after everything that nobody holds is gone. Cheap, and some kilobytes up or down. */
export async function usedHeap(): Promise<number> {
  for (let rounds = 0; rounds < 4; rounds += 1) {
    await turn()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** What the engine keeps for itself. */
const ENGINE = new Set(['code', 'hidden', 'object shape', 'synthetic'])

/** Bytes of everything that can be reached, but for what the engine keeps for itself. Takes a second, and is exact. */
export async function liveHeap(): Promise<number> {
  for (let turns = 0; turns < 50; turns += 1) await turn()
  const { snapshot, nodes } = JSON.parse(await text(getHeapSnapshot())) as Snapshot
  const { node_fields: fields, node_types: types } = snapshot.meta
  const [type, size] = [fields.indexOf('type'), fields.indexOf('self_size')]
  const names = types[type] as string[]
  let bytes = 0
  for (let at = 0; at < nodes.length; at += fields.length)
    if (!ENGINE.has(names[nodes[at + type] as number] as string)) bytes += nodes[at + size] as number
  return bytes
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: (string | string[])[] } }
  nodes: number[]
}

export interface HeapRun {
  rounds: number
  stepsPerRound: number
  measure: () => Promise<number>
  run: (steps: number) => Promise<void>
}

/** Bytes by which the heap grows per step: the median slope between any two of many measurements, which outliers do not move. */
export async function heapSlope({ rounds, stepsPerRound, measure, run }: HeapRun): Promise<number> {
  const used = new Float64Array(rounds) // which does not grow
  for (let round = 0; round < rounds; round += 1) {
    await run(stepsPerRound)
    used[round] = await measure()
  }
  const warm = Array.from(used.subarray(Math.floor(rounds / 2))) // what is compiled and cached on first use is no leak
  const slopes = warm.flatMap((from, start) =>
    warm.slice(start + 1).map((to, distance) => (to - from) / ((distance + 1) * stepsPerRound)),
  )
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0
}
