import { parseArgs } from 'node:util'
import { findMutant } from './mutants.ts'

export const HELP = `npm run sim -- [--seeds N] [--seed S] [--trace] [--twice] [--items-only] [--no-returns]
npm run sim -- --trees [--seeds N] [--seed S] [--trace] [--twice]
npm run sim -- --invariants
npm run sim -- --mutants
npm run sim -- --mutant NAME [--seeds N] [--seed S] [--items-only] [--no-returns]

Runs a server and its clients in virtual time, with faults, once for each seed, and checks what netqueue promises: for items, and for
requests, their streams, and messages. With --trees: a root, relays and leaves, and faults at every hop.
Exits with 0 when all promises held, with 1 when one did not, with 2 for arguments that make no sense.

  --seeds N      how many seeds (default 1000; with --mutant 3000, as some bugs show in few worlds; with --trace 1)
  --seed S       the first of them (default 1)
  --trace        prints everything that happens
  --twice        runs each seed twice, and compares what happened
  --items-only   leaves requests and messages out; items go the same ways then
  --no-returns   leaves clients out that connect again: each has one connection
  --trees        runs trees of relays, and nothing else
  --invariants   lists what is checked
  --mutants      lists the bugs that can be planted
  --mutant NAME  plants one; exits with 1 when it was caught, and with 0 when it survived
  --help         prints this`

export interface Command {
  seeds: number
  from: number
  trace: boolean
  twice: boolean
  itemsOnly: boolean
  noReturns: boolean
  trees: boolean
  invariants: boolean
  mutants: boolean
  mutant: string | undefined
  help: boolean
}

/** The command, or what is wrong with it. */
export function parseCommand(args: string[]): Command | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seeds: { type: 'string' },
        seed: { type: 'string' },
        trace: { type: 'boolean', default: false },
        twice: { type: 'boolean', default: false },
        'items-only': { type: 'boolean', default: false },
        'no-returns': { type: 'boolean', default: false },
        trees: { type: 'boolean', default: false },
        invariants: { type: 'boolean', default: false },
        mutants: { type: 'boolean', default: false },
        mutant: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    const { trace, twice, trees, invariants, mutants, mutant, help } = values
    const { 'items-only': itemsOnly, 'no-returns': noReturns } = values
    const seeds = count('--seeds', values.seeds ?? usualSeeds({ trace, mutant }))
    const from = count('--seed', values.seed ?? '1')
    if (mutant !== undefined && findMutant(mutant) === undefined)
      return `Expected --mutant to be one of those that --mutants lists, got ${JSON.stringify(mutant)}`
    return { seeds, from, trace, twice, itemsOnly, noReturns, trees, invariants, mutants, mutant, help }
  } catch (error) {
    return (error as Error).message
  }
}

function count(name: string, text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value < 2 ** 32) return value
  throw new RangeError(`Expected ${name} to be an integer from 1 to ${2 ** 32 - 1}, got ${JSON.stringify(text)}`)
}

function usualSeeds({ trace, mutant }: Pick<Command, 'trace' | 'mutant'>): string {
  if (trace) return '1'
  return mutant === undefined ? '1000' : '3000'
}
