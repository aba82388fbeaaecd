import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { cache } from './runtimes-bundle.mjs'

const { platform, arch } = process
const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
const bunArch = arch === 'arm64' ? 'aarch64' : arch
const bunPlatform = platform === 'linux' && libc === 'musl' ? `linux-${bunArch}-musl` : `${platform}-${bunArch}`
const denoPlatform = platform === 'linux' ? `linux-${arch}-${libc}` : `${platform}-${arch}`

const node = (range) => ({
  name: `node${range}`,
  title: `Node ${range}`,
  package: `node-${platform}-${arch}`,
  range,
  program: 'bin/node',
  args: [],
})

const HALF_OPEN = 'what waits to be written when the other side ends its half is lost, with EPIPE'
const NO_PRESSURE = 'a TLS socket takes all that it is given, and what it has is lost when it ends'
const NO_RESET = 'a TLS socket that is reset ends as if all was well'

/** What Deno's sockets do otherwise. */
const DENO = {
  tcp: {
    '10 MiB arrive whole': HALF_OPEN,
    'a sink stops pulling while nobody reads, and goes on when someone does': HALF_OPEN,
    'a slow reader holds back the sink piece by piece': HALF_OPEN,
  },
  tls: {
    '10 MiB arrive whole': NO_PRESSURE,
    'a sink stops pulling while nobody reads, and goes on when someone does': NO_PRESSURE,
    'a slow reader holds back the sink piece by piece': NO_PRESSURE,
    'abort frees a sink that waits for room': NO_PRESSURE,
    'an abort by the other side frees a sink that waits for room': NO_PRESSURE,
    'abort is seen by the other side': NO_RESET,
    'a broken connection frees a sink whose source gives nothing, and ends that source': NO_RESET,
    'a sink whose source throws rejects with that error and cuts the connection': NO_RESET,
  },
  wss: {
    'a sink stops pulling while nobody reads, and goes on when someone does': NO_PRESSURE,
    'abort frees a sink that waits for room': NO_PRESSURE,
    'an abort by the other side frees a sink that waits for room': NO_PRESSURE,
  },
  unix: {
    'close cuts connections that nobody iterated': 'those that it has not accepted yet see a reset, not an end',
  },
}

/**
 * What JavaScript runs on. Each comes from the npm registry, as the package of this platform that holds nothing but the program. `known`: tests
 * that its own faults fail, as `suite: title`, with the reason.
 */
export const runtimes = [
  ...['20.19.0', '20', '22', '24', '26'].map(node),
  {
    name: 'bun',
    title: 'Bun',
    package: `@oven/bun-${bunPlatform}`,
    range: '1',
    program: 'bin/bun',
    args: [],
  },
  {
    name: 'deno',
    title: 'Deno',
    package: `@deno/${denoPlatform}`,
    range: '2',
    program: 'deno',
    args: ['run', '--allow-all', '--no-lock', '--quiet'],
    known: Object.fromEntries(
      Object.entries(DENO).flatMap(([suite, tests]) =>
        Object.entries(tests).map(([title, reason]) => [`${suite}: ${title}`, reason]),
      ),
    ),
  },
]

/** Fetches the newest version of a runtime that its range allows. Resolves with its command and its version; rejects with npm's reason. */
export async function obtain({ name, package: from, range, program, args }) {
  const folder = join(cache, name)
  mkdirSync(folder, { recursive: true })
  await run('npm', [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `${from}@${range}`,
  ])
  const path = join(folder, 'node_modules', from, program)
  if (!existsSync(path)) throw new Error(`${from} has no ${program}`)
  const said = await run(path, ['--version'])
  return { command: [path, ...args], version: /\d+\.\d+\.\d+/.exec(said)?.[0] ?? said.trim() }
}

/** How long a download may take. */
const TIMEOUT_MS = 180_000

/** Resolves with what a program prints; rejects with the last line of its complaints. */
function run(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
  const [output, complaints] = [[], []]
  child.stdout.on('data', (chunk) => output.push(chunk))
  child.stderr.on('data', (chunk) => complaints.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(output).toString())
      const lines = Buffer.concat(complaints).toString().split('\n')
      const why = lines.find((line) => /error/i.test(line)) ?? signal ?? `exit code ${code}`
      reject(new Error(why.replace(/^npm error\s*/, '')))
    })
  })
}
