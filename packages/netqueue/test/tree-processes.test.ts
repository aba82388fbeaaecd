import { expect, test } from 'vitest'

import { Forest, nowMs } from './support/forest.ts'
import type { Answer, Task } from './support/forest.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const HOPS = IS_LONG ? 3 : 2
/** What each node keeps at hand beside what is worked on: it finds out how much, and has one where work is slow. */
const SLACK = 1
const SAMPLES = 200

/** Resolves when so many have been answered. */
class Progress {
  count = 0
  #waiting: { count: number; resolve: () => void }[] = []

  answered(): void {
    this.count += 1
    const due = this.#waiting.filter(({ count }) => count <= this.count)
    this.#waiting = this.#waiting.filter(({ count }) => count > this.count)
    for (const { resolve } of due) resolve()
  }

  more(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.count + count, resolve }))
  }
}

/** Tasks until somebody has seen enough. */
function* tasksUntil(isEnough: () => boolean): Generator<Task> {
  for (let n = 0; !isEnough(); n += 1) yield { n, ms: 3 }
}

test(
  `a tree of processes, ${HOPS} hops deep: each relay and each leaf is killed while it works, and nothing is lost`,
  { timeout: 240_000 },
  async () => {
    await using forest = await Forest.grow(HOPS, 2)
    const { server } = forest
    const victims = IS_LONG ? forest.places : [forest.relays[0], forest.leaves[1]].flatMap((place) => place ?? [])
    const [answers, put]: [Answer[], Set<number>] = [[], new Set()]
    const progress = new Progress()
    let isEnough = false
    const reading = server.process(({ n }) => void put.add(n), { concurrency: 8 })
    const mapping = (async () => {
      for await (const answer of server.map(
        tasksUntil(() => isEnough),
        { ordered: false, window: 64 },
      )) {
        answers.push(answer)
        progress.answered()
      }
    })()
    for (const victim of victims) {
      await Promise.race([progress.more(40), mapping])
      await victim.killed()
    }
    await Promise.race([progress.more(40), mapping])
    isEnough = true
    await mapping
    await server.idle()
    const numbers = answers.map(({ n }) => n).toSorted((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => n))
    expect(server.deadLetters.size).toBe(0)
    // What a leaf has put is settled only when the root has it.
    await expect.poll(() => numbers.filter((n) => !put.has(n)), { timeout: 30_000 }).toEqual([])
    await server.close()
    await reading
  },
)

test(
  `a tree of processes, ${HOPS} hops deep: when every leaf is busy, put at the root waits`,
  { timeout: 120_000 },
  async () => {
    await using forest = await Forest.grow(HOPS, 2)
    const { server, leaves, relays } = forest
    const stop = new AbortController()
    const most = leaves.length + SLACK * (leaves.length + relays.length)
    const held = Array.from({ length: most }, (_, n) =>
      server.submit({ n, holds: true }, { signal: stop.signal }).catch(() => {}),
    )
    await Promise.all(leaves.map((leaf) => leaf.until('busy')))
    await expect(server.put({ n: most }, { timeout: 500 })).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    const inFlight = server.clients.reduce((sum, client) => sum + client.inFlight, 0)
    expect(inFlight).toBeGreaterThanOrEqual(leaves.length)
    expect(inFlight).toBeLessThanOrEqual(most)
    stop.abort(new Error('enough'))
    await Promise.all([...held, ...leaves.map((leaf) => leaf.until('cancelled'))])
    await server.put({ n: most + 1 })
  },
)

test.runIf(IS_LONG)(
  `a tree of processes, ${HOPS} hops deep: a cancel reaches a leaf within one and a half times the round trips`,
  { timeout: 120_000 },
  async () => {
    await using direct = await Forest.grow(1, 1)
    await using forest = await Forest.grow(HOPS, 1)
    const roundTrips = HOPS * median(await answerTimes(direct))
    const whole = median(await answerTimes(forest))
    const cancel = median(await cancelTimes(forest))
    console.log(
      `${HOPS} hops: a cancel took ${cancel.toFixed(3)} ms, the round trips of the hops together ${roundTrips.toFixed(3)} ms, submit and its result ${whole.toFixed(3)} ms (medians of ${SAMPLES})`,
    )
    expect(cancel).toBeLessThanOrEqual(1.5 * roundTrips)
  },
)

/** Milliseconds from a task to its answer, one at a time. */
async function answerTimes({ server }: Forest): Promise<number[]> {
  const took: number[] = []
  for (let n = 0; n < SAMPLES; n += 1) {
    const askedAt = nowMs()
    await server.submit({ n })
    took.push(nowMs() - askedAt)
  }
  return took
}

/** Milliseconds from the moment in which a task is given up at the root until the leaf hears of it. */
async function cancelTimes({ server, leaves: [leaf] }: Forest): Promise<number[]> {
  const took: number[] = []
  if (leaf === undefined) throw new Error('Expected a leaf')
  for (let n = 0; n < SAMPLES; n += 1) {
    const stop = new AbortController()
    const call = server.submit({ n, holds: true }, { signal: stop.signal }).catch(() => {})
    await leaf.until('busy')
    const abortedAt = nowMs()
    stop.abort(new Error('enough'))
    took.push((await leaf.until('cancelled')).at - abortedAt)
    await call
  }
  return took
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
