import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ByteDuplex } from './transport.ts'

/** How a process or a thread is started. */
export interface StartOptions {
  /** What it finds in `process.argv` behind the name of its file. @default none */
  args?: readonly string[] | undefined
  /** Its environment variables, all of them. @default those of this process */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** Options of the runtime, such as `--max-old-space-size=4096`. @default those of this process, or none with `execPath` */
  execArgv?: readonly string[] | undefined
  /** Processes: the program that runs the file; it may be of any language. @default what runs this process */
  execPath?: string | undefined
  /** Processes: the folder that they run in. @default that of this process */
  cwd?: string | undefined
  /** What becomes of what it writes to its standard output and standard error. @default 'inherit': it goes where that of this process goes */
  output?: 'inherit' | 'ignore' | undefined
}

/** How a process or a thread ended. */
export interface WorkerExit {
  /** The exit code; `null` where a signal ended it, or where it could not be started. */
  code: number | null
  /** The signal that ended a process. */
  signal?: string
  /** What a thread threw, or why it could not be started. */
  error?: unknown
}

/** A process or a thread that this process has started. */
export interface LocalWorker {
  /** The number of the process, or of the thread. */
  readonly id: number
  /** The way to its `connect('stdio:')`. */
  readonly duplex: ByteDuplex
  /** Resolves when it is gone; never rejects. */
  readonly exited: Promise<WorkerExit>
  /** Tells it to end: SIGTERM. A thread is ended. */
  terminate(): void
  /** Ends it: SIGKILL. */
  kill(): void
}

/** Starts a file; see {@link startProcess} and {@link startThread}. */
export type StartWorker = (file: string, options: StartOptions) => LocalWorker

/** What can run at a time on this machine, as far as this process may use it. */
export const parallelism = (): number => availableParallelism()

/** The path of a file of code; throws the system's error where there is none. */
export function pathOf(file: string | URL): string {
  const isUrl = file instanceof URL || file.startsWith('file:')
  const path = isUrl ? fileURLToPath(file) : resolve(file)
  if (!statSync(path).isFile()) throw Object.assign(new Error(`${path} is no file`), { code: 'EISDIR' })
  return path
}
