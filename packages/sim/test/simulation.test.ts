import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { addCounts, COUNTED, noCounts, TREES_COUNTED } from '../src/counts.ts'
import { judged } from '../src/judged.ts'
import { MUTANTS } from '../src/mutant-list.ts'
import { mutate } from '../src/mutants.ts'
import { Random } from '../src/random.ts'
import { Scene } from '../src/scene.ts'
import { newProcess, Schedule } from '../src/schedule.ts'
import { simulate } from '../src/simulate.ts'
import { Trace } from '../src/trace.ts'
import { simulateTree } from '../src/trees/simulate-tree.ts'
import regressions from '../regressions.json' with { type: 'json' }

/** Some seconds; `npm run sim` runs more. */
const SEEDS = 100
/** The first of them: in these, everything that is counted happens. */
const FROM = 208
/** Trees, which have more to do. */
const TREES = 40

describe('the simulator', () => {
  test(`P1 to P8, P11, P12, fault 31: no invariant is violated in ${SEEDS} worlds with faults, and every fault happens`, async () => {
    const counts = noCounts()
    for (let seed = FROM; seed < FROM + SEEDS; seed += 1) {
      const { violation, counts: more } = await simulate(seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      addCounts(counts, more)
    }
    expect(COUNTED.filter((name) => counts[name] === 0)).toEqual([])
  })

  test('a rejection that nobody handles while its world goes on is a violation, though somebody handles it later', async () => {
    const random = new Random(1)
    const schedule = new Schedule(random.fork())
    const scene = new Scene({ random, schedule, trace: new Trace() })
    const { violation } = await judged(1, scene, async () => {
      const host = newProcess('host')
      const lost = new Promise<void>((_, reject) => void schedule.after(1, host, () => reject(new Error('lost'))))
      schedule.after(2, host, () => void lost.catch(() => {}))
      await schedule.run(10, () => false)
    })
    expect([violation?.invariant, violation?.message]).toEqual(['P7', expect.stringContaining('lost')])
  })

  test('the same seed gives the same trace hash, twice; another seed gives another', async () => {
    const hashes = new Set<string>()
    for (const seed of [1, 2, 3, 4, 5]) {
      const [{ hash }, again] = [await simulate(seed), await simulate(seed)]
      expect(again.hash, `seed ${seed}`).toBe(hash)
      hashes.add(hash)
    }
    expect(hashes.size).toBe(5)
  })

  test.each(regressions)('seed $seed stays clean: $found', async ({ seed, itemsOnly, noReturns, trees }) => {
    const { violation } = await (trees === true ? simulateTree(seed) : simulate(seed, { itemsOnly, noReturns }))
    expect(violation).toBeUndefined()
  })

  test('the host has its clocks, timers and chance back after a run', async () => {
    const before = [setTimeout, setInterval, Math.random, Date.now]
    await simulate(1)
    expect([setTimeout, setInterval, Math.random, Date.now]).toEqual(before)
  })
})

describe('trees', () => {
  test(`no invariant is violated in ${TREES} trees of relays with faults at every hop, and every fault happens`, async () => {
    const counts = noCounts()
    for (let seed = FROM; seed < FROM + TREES; seed += 1) {
      const { violation, counts: more } = await simulateTree(seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      addCounts(counts, more)
    }
    expect(TREES_COUNTED.filter((name) => counts[name] === 0)).toEqual([])
  })

  test('the same seed gives the same trace hash, twice', async () => {
    const [{ hash }, again] = [await simulateTree(7), await simulateTree(7)]
    expect(again.hash).toBe(hash)
  })
})

describe('mutants', () => {
  test.each(MUTANTS)('$name can be planted: its place is there, once', (mutant) => {
    const path = `../../netqueue/src/${mutant.file.replace(/\.js$/, '.ts')}`
    const text = readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
    expect(mutate(mutant, text)).not.toBe(text)
  })

  test('a mutant whose place is not there is refused', () => {
    const mutant = { name: 'x', why: '', file: '', find: 'here', replace: 'there' }
    expect(mutate(mutant, 'here it is')).toBe('there it is')
    expect(() => mutate(mutant, 'here and here')).toThrow('its place was found 2 times')
    expect(() => mutate(mutant, 'gone')).toThrow('its place was found 0 times')
  })
})
