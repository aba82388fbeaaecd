#!/usr/bin/env node
import { HELP, parseCommand } from './command.ts'
import type { Command } from './command.ts'
import { INVARIANTS } from './invariants.ts'
import { MUTANTS } from './mutant-list.ts'
import { findMutant, plant } from './mutants.ts'

/** The simulation is imported only now: a mutant has to be planted before the library is loaded. */
async function main(command: Command): Promise<number> {
  const { runSeeds } = await import('./run-seeds.ts')
  const { seeds, from, twice, trace, itemsOnly, noReturns, mutant } = command
  const trees = command.trees || (mutant !== undefined && findMutant(mutant)?.inTrees === true)
  const run = await runSeeds({ seeds, from, twice, trace, itemsOnly, noReturns, trees, quiet: mutant !== undefined })
  if (mutant === undefined) return run.violations.length === 0 && run.missing.length === 0 ? 0 : 1
  // Bugs of items alone are rarer where worlds have more to do.
  const rest = { seeds, from, twice, trace, trees, itemsOnly: true, noReturns: true, quiet: true }
  const isEnough = run.violations.length > 0 || itemsOnly || trees
  const [caught] = isEnough ? run.violations : (await runSeeds(rest)).violations
  if (caught === undefined) {
    console.log(`The mutant ${mutant} survived ${seeds} seeds: no invariant noticed that ${findMutant(mutant)?.why}.`)
    return 0
  }
  const { seed, violation } = caught
  console.log(`The mutant ${mutant} was caught by ${violation.invariant} at seed ${seed}: ${violation.message}`)
  return 1
}

async function start(): Promise<number> {
  const command = parseCommand(process.argv.slice(2))
  if (typeof command === 'string') {
    console.error(`${command}\n\n${HELP}`)
    return 2
  }
  if (command.help) {
    console.log(HELP)
    return 0
  }
  if (command.invariants) {
    for (const [name, what] of Object.entries(INVARIANTS)) console.log(`${name.padEnd(12)} ${what}`)
    return 0
  }
  if (command.mutants) {
    for (const { name, why } of MUTANTS) console.log(`${name.padEnd(24)} ${why}`)
    return 0
  }
  try {
    if (command.mutant !== undefined) plant(command.mutant)
  } catch (error) {
    console.error((error as Error).message)
    return 2
  }
  return main(command)
}

process.exitCode = await start()
