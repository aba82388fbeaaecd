import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { buildSources } from './sources.ts'

const scratch = join(import.meta.dirname, '../.processes')

/** A process that runs a script of ours against the sources. It says what it has to say in lines of JSON. */
export class Process {
  readonly child: ChildProcess
  readonly #lines: unknown[] = []
  #news: (() => void)[] = []
  #hasEnded = false

  constructor(child: ChildProcess) {
    this.child = child
    if (child.stdout === null) throw new TypeError('Expected the output of the process')
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => this.#add(JSON.parse(line)))
    lines.on('close', () => {
      this.#hasEnded = true
      this.#tell()
    })
  }

  /** The next thing that it says. */
  async next(): Promise<unknown> {
    while (this.#lines.length === 0) {
      if (this.#hasEnded) throw new Error('Expected a line, the process has ended')
      await new Promise<void>((resolve) => this.#news.push(resolve))
    }
    return this.#lines.shift()
  }

  /** Stops it, as when its machine stands still, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL' | 'SIGUSR2'): void {
    this.child.kill(signal)
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    this.child.kill('SIGKILL')
    await once(this.child, 'exit')
  }

  #add(line: unknown): void {
    this.#lines.push(line)
    this.#tell()
  }

  #tell(): void {
    for (const resolve of this.#news.splice(0)) resolve()
  }
}

export interface StartOptions {
  args?: string[]
  /** Descriptors that it may have open. */
  descriptors?: number
}

/** Processes that run one script; all of them end with this. In the script, `netqueue` is what `index.ts` exports, `websocket` the transport, and `say` writes a line. */
export class Processes implements AsyncDisposable {
  readonly #folder: string
  readonly #script: string
  readonly #all: Process[] = []

  private constructor(folder: string, script: string) {
    this.#folder = folder
    this.#script = script
  }

  static async of(script: string): Promise<Processes> {
    mkdirSync(scratch, { recursive: true })
    const folder = mkdtempSync(join(scratch, 'run-'))
    await buildSources(folder, { netqueue: 'index.ts', websocket: 'transport/websocket.ts' })
    const file = join(folder, 'script.mjs')
    writeFileSync(
      file,
      [
        "import * as netqueue from './netqueue.mjs'",
        "import { websocket } from './websocket.mjs'",
        'const say = (value) => process.stdout.write(`${JSON.stringify(value)}\\n`)',
        script,
      ].join('\n'),
    )
    return new Processes(folder, file)
  }

  start({ args = [], descriptors }: StartOptions = {}): Process {
    const node = [process.execPath, this.#script, ...args]
    const command =
      descriptors === undefined ? node : ['sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh', ...node]
    const [program = '', ...rest] = command
    const started = new Process(spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] }))
    this.#all.push(started)
    return started
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((each) => each.end()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
