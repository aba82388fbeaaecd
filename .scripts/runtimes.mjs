// Runs what can be run anywhere on each runtime: see --help.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { bundle } from './runtimes-bundle.mjs'
import { examineChromium } from './runtimes-chromium.mjs'
import { obtain, runtimes } from './runtimes-obtain.mjs'
import { root } from './step.mjs'

const HELP = `Runs the suites that need nothing but a runtime: those of transports, of the
protocol, of workers, and the portable one, over every transport, in one process
and against a server in Node.

  npm run test:runtimes [RUNTIME …] [-- OPTIONS]

  RUNTIME   any of ${runtimes.map(({ name }) => name).join(', ')}, chromium (all)
  --quick   the newest Node, Bun and Deno
  --full    on each Node all tests of the library, too; takes minutes each
  --help    shows this

Each runtime is fetched from the npm registry, into a folder that git ignores;
Chromium has to be there.
Exit code 1: a test failed that is not known to fail there, or a runtime could
not be had.`

/** How long the suites may take on one runtime. */
const SUITE_MS = 300_000
const FULL_MS = 1_200_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, full: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
})
const unknown = positionals.find((name) => name !== 'chromium' && !runtimes.some((each) => each.name === name))
if (values.help) console.log(HELP)
else if (unknown !== undefined) {
  console.error(`netqueue: no runtime has the name ${unknown}; see npm run test:runtimes -- --help`)
  process.exitCode = 2
} else process.exitCode = await main(wanted()).catch(failed)

function wanted() {
  if (positionals.length > 0) return runtimes.filter(({ name }) => positionals.includes(name))
  return values.quick ? runtimes.filter(({ name }) => ['node26', 'bun', 'deno'].includes(name)) : runtimes
}

function isBrowserWanted() {
  return positionals.length > 0 ? positionals.includes('chromium') : !values.quick
}

/** Resolves with the exit code. */
async function main(chosen) {
  say('making the bundle')
  const folder = await bundle('runtime', 'worker', 'counterpart')
  const reference = spawn(process.execPath, [join(folder, 'counterpart.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [addresses] = await once(createInterface({ input: reference.stdout }), 'line')
  const args = [join(folder, 'runtime.mjs'), ...addresses.split(' ')]
  const rows = []
  try {
    for (const runtime of chosen) rows.push(await examine(runtime, args))
  } finally {
    reference.stdin.end()
  }
  if (isBrowserWanted()) rows.push(await examineChromium(say))
  console.log(`\n${table(rows)}`)
  const bad = rows.filter(({ isGood }) => !isGood)
  console.log(bad.length === 0 ? '\nok' : `\nfailed: ${bad.map(({ runtime }) => runtime).join(', ')}`)
  return bad.length === 0 ? 0 : 1
}

/** What has nothing to do with any runtime. */
function failed(error) {
  say(`failed: ${error.message}`)
  return 1
}

async function examine(runtime, args) {
  const { title } = runtime
  say(`${title}: fetching ${runtime.package}@${runtime.range}`)
  let found
  try {
    found = await obtain(runtime)
  } catch (error) {
    say(`${title} could not be had: ${error.message}`)
    return { runtime: title, version: 'could not be had', isGood: false }
  }
  const row = await runSuites(runtime, found, args)
  if (!values.full || !runtime.name.startsWith('node')) return row
  return { ...row, ...(await runAll(title, found, row)) }
}

/** The suites, as the runtime tells of them: a line of JSON for each test. */
async function runSuites({ title, known = {} }, { command, version }, args) {
  const start = performance.now()
  const [program, ...rest] = command
  const child = spawn(program, [...rest, ...args], {
    env: { ...process.env, NETQUEUE_KNOWN: JSON.stringify(Object.keys(known)) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: SUITE_MS,
  })
  const complaints = []
  child.stderr.on('data', (chunk) => complaints.push(chunk))
  const ended = once(child, 'close')
  const count = { passed: 0, failed: 0, known: 0, skipped: 0 }
  let isWhole = false
  for await (const line of createInterface({ input: child.stdout })) {
    const { suite, title: test, error, skipped, total } = JSON.parse(line)
    if (total !== undefined) {
      isWhole = count.passed + count.failed + count.known + count.skipped === total
      continue
    }
    const name = `${suite}: ${test}`
    const kind = skipped ? 'skipped' : error === undefined ? 'passed' : name in known ? 'known' : 'failed'
    count[kind] += 1
    if (kind === 'failed') say(`${title}: FAILED ${name}\n${error}`)
    if (kind === 'known') say(`${title}: known to fail: ${name} (${known[name]})`)
  }
  const [code, signal] = await ended
  const seconds = (performance.now() - start) / 1000
  if (!isWhole)
    say(`${title}: ended early, by ${signal ?? `exit code ${code}`}\n${Buffer.concat(complaints).toString()}`)
  say(`${title} ${version}: ${count.passed} passed, ${count.failed} failed, in ${seconds.toFixed(1)} s`)
  return { runtime: title, version, ...count, seconds, isGood: isWhole && count.failed === 0 }
}

/** All tests of the library, by that Node. */
async function runAll(title, { command: [program] }, { isGood }) {
  say(`${title}: all tests`)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const child = spawn(program, [vitest, 'run', '--reporter=dot'], { cwd: root, stdio: 'inherit', timeout: FULL_MS })
  const [code] = await once(child, 'exit')
  return { all: code === 0 ? 'passed' : 'FAILED', isGood: isGood && code === 0 }
}

function table(rows) {
  const columns = [
    'runtime',
    'version',
    'passed',
    'failed',
    'known',
    'skipped',
    'seconds',
    ...(values.full ? ['all'] : []),
  ]
  const shown = (value) => (Number.isInteger(value ?? 0) ? String(value ?? '') : (value.toFixed?.(1) ?? value))
  const lines = [columns, ...rows.map((row) => columns.map((column) => shown(row[column])))]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at].length)))
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function say(text) {
  console.log(`netqueue: ${text}`)
}
