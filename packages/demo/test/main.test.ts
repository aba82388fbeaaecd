import { spawn } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folder } from './support/folder.ts'

// The program as it was built: Node 20 runs no TypeScript, and `npm test` builds before it tests.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

interface Run {
  child: ChildProcess
  /** Resolves once that text was printed. */
  printed: (text: string) => Promise<void>
  /** Resolves when the program and its workers are gone: workers keep the pipe of its errors open. */
  gone: Promise<{ code: number | null; output: string }>
}

function start(args: string[], options: SpawnOptions = {}): Run {
  const child = spawn(process.execPath, [main, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const listeners = new Set<() => void>()
  const take = (chunk: Buffer): void => {
    output += chunk.toString()
    for (const listener of listeners) listener()
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  const printed = (text: string): Promise<void> =>
    new Promise((resolve) => listeners.add(() => void (output.includes(text) && resolve())))
  const gone = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
  return { child, printed, gone }
}

const run = (...args: string[]): Run['gone'] => start(args).gone

function manyFiles(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index % 7}/${index}`, `content ${index}`]))
}

function manifestOf(files: Record<string, string>): string {
  return Object.entries(files)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => `${createHash('sha256').update(content).digest('hex')}  ${path}\n`)
    .join('')
}

test('P2: a worker that is killed in the middle loses nothing: every file is hashed once', async () => {
  const files = manyFiles(300)
  const root = folder(files)
  const manifest = join(folder(), 'manifest')
  const { code, output } = await run(root, '--manifest', manifest)
  expect(output).toMatch(/^killed {4}worker-\d \(pid \d+\) by SIGKILL; it held \d+ files?, now with others$/m)
  expect(output).toMatch(/^worker-\d .* killed, held \d+ files?$/m)
  expect(output).toMatch(/^manifest +0 missing, 0 repeated, 0 wrong, \d+ redelivered$/m)
  expect(output).toMatch(/^total +300 files, 0\.0 MB$/m)
  expect(output).toContain('\nok: every file once')
  expect(code).toBe(0)
  expect(readFileSync(manifest, 'utf8')).toBe(manifestOf(files))
})

test('P2: a single file is redelivered when the worker that holds it is killed', async () => {
  const { code, output } = await run(folder({ only: 'content' }), '--workers', '2')
  expect(output).toMatch(/^killed {4}worker-\d .* it held 1 file, now with others$/m)
  expect(output).toMatch(/^manifest +0 missing, 0 repeated, 0 wrong, 1 redelivered$/m)
  expect(code).toBe(0)
})

test('P2: with --tree a relay is killed in the middle, its workers go over to the other one, and nothing is lost', async () => {
  const files = manyFiles(300)
  const manifest = join(folder(), 'manifest')
  const { code, output } = await run(folder(files), '--tree', '--manifest', manifest)
  expect(output).toContain(' has 2 relays, and behind them 4 workers, ')
  expect(output).toMatch(/^killed {4}relay-\d \(pid \d+\) by SIGKILL; it held \d+ files?, now with others$/m)
  expect(output).toMatch(/^relay-\d .* killed, held \d+ files?$/m)
  expect(output).toMatch(/^manifest +0 missing, 0 repeated, 0 wrong, \d+ redelivered$/m)
  expect(output).toContain('\nok: every file once')
  expect(code).toBe(0)
  expect(readFileSync(manifest, 'utf8')).toBe(manifestOf(files))
})

test('--no-kill lets all workers live, and then nothing is redelivered', async () => {
  const { code, output } = await run(folder(manyFiles(20)), '--no-kill', '--workers', '1')
  expect(output).not.toContain('killed')
  expect(output).toMatch(/^manifest +0 missing, 0 repeated, 0 wrong, 0 redelivered$/m)
  expect(code).toBe(0)
})

test('an empty directory is no failure, and starts no worker', async () => {
  const { code, output } = await run(folder())
  expect(output).toContain('0 files in 1 directory')
  expect(output).toContain('ok: there is nothing to hash')
  expect(code).toBe(0)
})

test.runIf(process.platform === 'linux')('what cannot be read is counted and named, and is no failure', async () => {
  const root = folder({ file: '' })
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff])]), '')
  const { code, output } = await run(root)
  expect(output).toContain('1 file in 1 directory, 1 unreadable\n')
  expect(output).toMatch(/^unreadable +1: "\uFFFD \(EILSEQ\)"$/m)
  expect(code).toBe(0)
})

test('a directory is looked for where npm was called', async () => {
  const root = folder({ 'below/file': '' })
  const env = { ...process.env, INIT_CWD: root }
  const { code, output } = await start(['below', '--no-kill'], { cwd: dirname(main), env }).gone
  expect(output).toContain(`every file below ${join(root, 'below')}\n`)
  expect(code).toBe(0)
})

test('--help explains', async () => {
  const { code, output } = await run('--help')
  for (const word of ['DIRECTORY', '--workers', '--tree', '--no-kill', '--manifest', 'Exit codes'])
    expect(output).toContain(word)
  expect(code).toBe(0)
})

test('wrong arguments end it with 2 and a message', async () => {
  const { code, output } = await run('/there/is/nothing')
  expect(output).toBe('netqueue demo: Cannot list the directory /there/is/nothing: ENOENT\nSee npm start -- --help\n')
  expect(code).toBe(2)
})

/** Files of nothing but holes: they take no space, and longer to hash than any test lasts. */
function endlessFolder(): string {
  const root = folder(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}`, ''])))
  for (let index = 0; index < 40; index += 1) truncateSync(join(root, `${index}`), 2 ** 40)
  return root
}

test('P12: Ctrl-C ends it with 130 when its workers have left, and none is left', async () => {
  const { child, printed, gone } = start([endlessFolder()])
  await printed('hashing ')
  child.kill('SIGINT')
  const { code, output } = await gone
  expect(code).toBe(130)
  expect(output).toMatch(/\ninterrupted\n$/)
})

test('Ctrl-C twice ends it at once', async () => {
  const { child, printed, gone } = start([endlessFolder()])
  await printed('hashing ')
  child.kill('SIGINT')
  child.kill('SIGTERM')
  await gone
  expect(child.signalCode).toMatch(/^SIG(INT|TERM)$/)
})

/** The processes that a run has started, as Linux lists them. */
function workersOf(child: ChildProcess): string[] {
  return readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
}

test.runIf(process.platform === 'linux')('without any worker left it fails, and says so', async () => {
  const { child, printed, gone } = start([endlessFolder(), '--no-kill'])
  await printed('hashing ')
  for (const pid of workersOf(child)) process.kill(Number(pid), 'SIGKILL')
  const { code, output } = await gone
  expect(output).toMatch(/\nfailed: No worker is left\n$/)
  expect(code).toBe(1)
})

test('workers leave by themselves when their server is killed', async () => {
  const { child, printed, gone } = start([endlessFolder()])
  await printed('hashing ')
  child.kill('SIGKILL')
  const { output } = await gone
  expect(child.signalCode).toBe('SIGKILL')
  expect(output).not.toContain('Error')
})
