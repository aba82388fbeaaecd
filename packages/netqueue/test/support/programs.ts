import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

/** What a program imports: the library as it was built, as Node 20 runs no TypeScript. `npm test` builds before it tests. */
const LIBRARY = new URL('../../dist/index.js', import.meta.url).href

/** A process of its own; whoever leaves it ends it. */
export interface Program extends AsyncDisposable {
  readonly child: ChildProcess
  /** Resolves when it has printed a line; rejects when it ended before. */
  printed(line: string): Promise<void>
  /** Resolves when it is gone, with all that it printed. */
  readonly gone: Promise<{ code: number | null; signal: NodeJS.Signals | null; lines: string[] }>
}

/** Runs a module, in which `netqueue` is the library and `args` are its arguments. */
export function run(source: string, ...args: string[]): Program {
  const module = `const netqueue = await import(${JSON.stringify(LIBRARY)}); const args = process.argv.slice(1); ${source}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', module, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  const news = new Set<() => void>()
  const lines = (): string[] => output.split('\n').slice(0, -1)
  const gone = new Promise<Awaited<Program['gone']>>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, lines: lines() }))
  })
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    for (const tell of news) tell()
  })
  return {
    child,
    gone,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await gone
    },
    printed: (line) =>
      new Promise((resolve, reject) => {
        const tell = (): void => void (lines().includes(line) && resolve())
        news.add(tell)
        tell()
        void gone.then(() => reject(new Error(`Expected the program to print ${line}, got ${output}`)))
      }),
  }
}
