import { addCounts, ITEMS_COUNTED, noCounts, RETURNS_COUNTED, TALK_COUNTED, TREES_COUNTED } from './counts.ts'
import type { Counts } from './counts.ts'
import { INVARIANTS } from './invariants.ts'
import { simulate } from './simulate.ts'
import type { Report } from './judged.ts'
import type { SimulateOptions } from './simulate.ts'
import type { Violation } from './scene.ts'
import { simulateTree } from './trees/simulate-tree.ts'

export interface RunOptions {
  seeds: number
  from: number
  /** Whether each seed runs twice: what happens must be the same. */
  twice: boolean
  trace: boolean
  /** Leaves out what is said beside items. */
  itemsOnly: boolean
  /** Leaves out clients that connect again. */
  noReturns: boolean
  /** Runs trees of relays, and nothing else. */
  trees: boolean
  /** Stops at the first violation and prints nothing but it. */
  quiet: boolean
}

export interface Run {
  violations: { seed: number; violation: Violation }[]
  counts: Counts
  /** What never happened in a run that is long enough for everything to happen. */
  missing: string[]
}

/** Seeds from which everything that is counted must have happened. */
const ENOUGH_SEEDS = 1_000

/** Violations that are printed one by one; a run with more has a cause in common. */
const MOST_VIOLATIONS = 10

/** Runs one world for each seed, and says what came of it. */
export async function runSeeds({ seeds, from, twice, trace, quiet, ...parts }: RunOptions): Promise<Run> {
  const run: Run = { violations: [], counts: noCounts(), missing: [] }
  const startedAt = performance.now()
  let hash = ''
  let done = 0
  for (let seed = from; seed < from + seeds && run.violations.length < (quiet ? 1 : MOST_VIOLATIONS); seed += 1) {
    const report = await runSeed(seed, { ...parts, print: trace ? console.log : undefined })
    const violation = report.violation ?? (twice ? await differs(report, parts) : undefined)
    hash = report.hash
    done += 1
    addCounts(run.counts, report.counts)
    if (violation !== undefined) run.violations.push({ seed, violation })
    if (quiet) continue
    if (violation !== undefined) printViolation(seed, violation, parts)
    progress(done, seeds)
    if (trace || seeds <= 20) console.log(`seed ${seed}: trace hash ${report.hash}`)
  }
  if (seeds >= ENOUGH_SEEDS && run.violations.length === 0)
    run.missing = countedIn(parts)
      .flat()
      .filter((name) => run.counts[name] === 0)
  if (!quiet) summarize(run, { done, hash, parts, seconds: (performance.now() - startedAt) / 1_000 })
  return run
}

type Parts = Pick<RunOptions, 'itemsOnly' | 'noReturns' | 'trees'>

function runSeed(seed: number, { trees, ...options }: Parts & Pick<SimulateOptions, 'print'>): Promise<Report> {
  return trees ? simulateTree(seed, options) : simulate(seed, options)
}

function countedIn({ itemsOnly, noReturns, trees }: Parts): (readonly (keyof Counts)[])[] {
  if (trees) return [TREES_COUNTED]
  // Only messages are refused for good.
  const returns = RETURNS_COUNTED.filter((name) => !itemsOnly || name !== 'refusedForGood')
  return [ITEMS_COUNTED, noReturns ? [] : returns, itemsOnly ? [] : TALK_COUNTED].filter(({ length }) => length > 0)
}

async function differs(first: Report, parts: Parts): Promise<Violation | undefined> {
  const second = await runSeed(first.seed, parts)
  if (second.hash === first.hash) return undefined
  return { invariant: 'determinism', message: `trace hash ${first.hash}, then ${second.hash}`, at: 0 }
}

function printViolation(seed: number, { invariant, message, at }: Violation, { trees }: Parts): void {
  endProgress()
  console.log(`seed ${seed} violated ${invariant} at ${at.toFixed(3)} ms: ${message}`)
  console.log(`  ${invariant}: ${INVARIANTS[invariant]}`)
  console.log(`  replay it with: npm run sim --${trees ? ' --trees' : ''} --seed ${seed} --trace`)
}

function progress(done: number, of: number): void {
  if (!process.stdout.isTTY || (done % 10 !== 0 && done < of)) return
  process.stdout.write(`\r${done} of ${of} seeds`)
}

function endProgress(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K')
}

interface Summary {
  done: number
  hash: string
  parts: Parts
  seconds: number
}

function summarize(run: Run, { done, hash, parts, seconds }: Summary): void {
  endProgress()
  const failed = run.violations.length
  const outcome = failed === 0 ? 'no invariant was violated' : `${failed} violated an invariant`
  console.log(`${done} seeds in ${seconds.toFixed(1)} s (${(done / seconds).toFixed(0)} per second): ${outcome}`)
  for (const names of countedIn(parts)) console.log(names.map((name) => `${name} ${run.counts[name]}`).join(', '))
  if (run.missing.length > 0) console.log(`never happened: ${run.missing.join(', ')}`)
  console.log(`trace hash of the last seed: ${hash}`)
}
