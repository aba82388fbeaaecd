import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { turn } from './handles.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the heap that are still in use after everything that nobody holds is gone. */
async function usedHeap(): Promise<number> {
  for (let rounds = 0; rounds < 4; rounds += 1) {
    await turn()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** Bytes by which the heap grows per step: the median slope between any two of many measurements, which outliers do not move. */
export async function heapSlope(
  rounds: number,
  stepsPerRound: number,
  run: (steps: number) => Promise<void>,
): Promise<number> {
  const used: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await run(stepsPerRound)
    used.push(await usedHeap())
  }
  const warm = used.slice(Math.floor(rounds / 2)) // what is compiled and cached on first use is no leak
  const slopes = warm.flatMap((from, start) =>
    warm.slice(start + 1).map((to, distance) => (to - from) / ((distance + 1) * stepsPerRound)),
  )
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0
}
