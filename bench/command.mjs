// @ts-check
// The command line of the bench.

import { parseArgs } from 'node:util'
import { peerNames } from './peers/load.mjs'

/** @import { Workload } from './workloads/workload.d.ts' */

/**
 * What is to be done, or the help text.
 * @param {string[]} args
 * @param {Map<string, Workload>} workloads
 */
export function commandFrom(args, workloads) {
  const help = helpText(workloads)
  const name = args.find((arg) => workloads.has(arg)) ?? ''
  const workload = workloads.get(name)
  if (workload === undefined) return help
  const numbers = Object.keys(workload.options)
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...Object.fromEntries(numbers.map((option) => [option, { type: /** @type {const} */ ('string') }])),
        peers: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        docs: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help || positionals.length > 1) return help
    const given = new Map(Object.entries(values))
    return {
      name,
      workload,
      options: Object.fromEntries(
        numbers.map((option) => [option, number(option, given.get(option), Number(workload.options[option]?.default))]),
      ),
      rounds: number('rounds', values.rounds, workload.rounds, 1),
      peers: chosenPeers(values.peers),
      json: values.json,
      docs: values.docs,
    }
  } catch (error) {
    return `bench: ${/** @type {Error} */ (error).message}\n\n${help}`
  }
}

/** @param {string | undefined} list */
function chosenPeers(list) {
  const known = peerNames()
  const chosen = list?.split(',') ?? known
  const unknown = chosen.filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw new RangeError(`Expected --peers to be of ${known.join(', ')}, got ${unknown.join(', ')}`)
  return chosen
}

/**
 * @param {string} option
 * @param {string | boolean | undefined} text
 * @param {number} otherwise
 */
function number(option, text, otherwise, least = 0) {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isFinite(value) && value >= least) return value
  throw new RangeError(`Expected --${option} to be a number from ${least}, got ${text}`)
}

/** @param {Map<string, Workload>} workloads */
function helpText(workloads) {
  const lines = [...workloads].flatMap(([name, { title, rounds, options }]) => [
    `  ${name}: ${title} (${rounds} rounds)`,
    ...Object.entries(options).map(([option, { default: value, help }]) => `      --${option} N  ${help} (${value})`),
  ])
  return [
    'npm run bench -- WORKLOAD [--peers a,b] [--rounds N] [--json FILE] [--docs] [options of the workload]',
    '',
    'Measures netqueue and its peers side by side, in turns. Peers are installed at the first run.',
    '',
    'Workloads:',
    ...lines,
    '',
    `Peers: ${peerNames().join(', ')}`,
    '',
    '  --peers a,b  only these',
    '  --rounds N   how often each peer is measured',
    '  --json FILE  writes the figures, samples included',
    '  --docs       writes the table into docs/performance.md',
  ].join('\n')
}
