import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'

import { Process } from './processes.ts'

/** Machines without Python have nothing to test against. */
export const hasPython: boolean = spawnSync('python3', ['--version']).status === 0

/** A script of test/interop, which tells in lines of JSON what it hears, and is told in such lines what to do. */
export class Python {
  readonly child: ChildProcess
  readonly process: Process

  constructor(script: string, ...args: string[]) {
    const path = join(import.meta.dirname, '../interop', script)
    // Beside those that every process has, two pipes, for a script that speaks on them.
    const stdio = ['pipe', 'pipe', 'inherit', 'pipe', 'pipe'] as const
    this.child = spawn('python3', ['-B', path, ...args], { stdio: [...stdio] })
    this.process = new Process(this.child)
  }

  /** The next thing that it says. */
  async next(): Promise<Record<string, unknown>> {
    return (await this.process.next()) as Record<string, unknown>
  }

  /** What it hears next, of one kind. */
  async hears(kind: string): Promise<unknown> {
    for (;;) {
      const { heard, data } = await this.next()
      if (heard === kind) return data
      if (heard === 'END') throw new Error(`Expected ${kind}, the stream has ended`)
    }
  }

  tell(...commands: object[]): void {
    this.child.stdin?.write(commands.map((command) => `${JSON.stringify(command)}\n`).join(''))
  }

  signal(signal: 'SIGKILL'): void {
    this.process.signal(signal)
  }

  async end(): Promise<void> {
    await this.process.end()
  }
}
