// @ts-check
// The command line of the bench.

import { parseArgs } from 'node:util'
import { peerNames } from './peers/load.mjs'

/** @import { Workload } from './workloads/workload.d.ts' */

/**
 * A workload with its options.
 * @typedef {{ name: string, workload: Workload, options: Record<string, number>, rounds: number }} Run
 */

/**
 * @typedef {object} Command
 * @property {Run[]} runs one after the other
 * @property {string[]} peers
 * @property {string} [json] the file for the figures
 * @property {boolean} docs whether the page is written
 * @property {string} [from] the file with figures, instead of a run
 */

const ALL = 'all'

/**
 * What is to be done, or the help text.
 * @param {string[]} args
 * @param {Map<string, Workload>} workloads
 * @returns {Command | string}
 */
export function commandFrom(args, workloads) {
  const help = helpText(workloads)
  const name = args.find((arg) => workloads.has(arg) || arg === ALL) ?? ''
  const workload = workloads.get(name)
  const numbers = Object.keys(workload?.options ?? {})
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
        from: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const { peers, rounds, json, docs, from } = values
    if (values.help || positionals.length > 1 || (name === '') === (from === undefined)) return help
    const given = new Map(Object.entries(values))
    return {
      runs: (workload === undefined ? allRuns(workloads) : [runFrom(name, workload, given)]).map((run) => ({
        ...run,
        rounds: number('rounds', rounds, run.rounds, 1),
      })),
      peers: chosenPeers(peers),
      docs,
      ...(json === undefined ? {} : { json }),
      ...(from === undefined ? {} : { from }),
    }
  } catch (error) {
    return `bench: ${/** @type {Error} */ (error).message}\n\n${help}`
  }
}

/**
 * Every workload in all its variants.
 * @param {Map<string, Workload>} workloads
 */
function allRuns(workloads) {
  return [...workloads].flatMap(([name, workload]) =>
    (workload.variants ?? [{}]).map((variant) =>
      runFrom(name, workload, new Map(Object.entries(variant).map(([option, value]) => [option, String(value)]))),
    ),
  )
}

/**
 * @param {string} name
 * @param {Workload} workload
 * @param {ReadonlyMap<string, string | boolean | undefined>} given
 * @returns {Run}
 */
function runFrom(name, workload, given) {
  const options = Object.entries(workload.options).map(([option, { default: otherwise }]) => [
    option,
    number(option, given.get(option), otherwise),
  ])
  return { name, workload, options: Object.fromEntries(options), rounds: workload.rounds }
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
  const lines = [...workloads].flatMap(([name, { title, rounds, options, only }]) => [
    `  ${name}: ${title} (${[`${rounds} rounds`, ...(only === undefined ? [] : [`${only.join(', ')} alone`])].join(', ')})`,
    ...Object.entries(options).map(([option, { default: value, help }]) => `      --${option} N  ${help} (${value})`),
  ])
  return [
    'npm run bench -- WORKLOAD [--peers a,b] [--rounds N] [--json FILE] [--docs] [options of the workload]',
    '',
    'Measures netqueue and its peers side by side, in turns. Peers are installed at the first run.',
    '',
    'Workloads:',
    `  ${ALL}: every one, as docs/performance.md has it`,
    ...lines,
    '',
    `Peers: ${peerNames().join(', ')}`,
    '',
    '  --peers a,b  only these',
    '  --rounds N   how often each peer is measured',
    '  --json FILE  writes the figures, samples included',
    '  --docs       writes table and chart into docs/performance.md',
    '  --from FILE  measures nothing: writes the page from the figures of such a file',
  ].join('\n')
}
