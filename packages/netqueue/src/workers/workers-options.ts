import type { Env } from '../env/env.ts'
import { checkInteger, checkMs, checkOneOf, checkString, checkStrings } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Reconnect } from '../life/back-off.ts'
import type { Logger } from '../options/logger.ts'
import type { AcceptOptions } from '../server/reception.ts'
import type { ServerClient } from '../server/server-client.ts'
import type { StartOptions, WorkerExit } from '../transport/stdio-workers.ts'
import type { ByteDuplex } from '../transport/transport.ts'

/** What workers are for: what a server is, as far as they matter to it. */
export interface WorkersServer {
  accept(duplex: ByteDuplex, options: AcceptOptions): Promise<ServerClient>
  readonly state: 'listening' | 'closing' | 'closed'
  readonly closed: Promise<unknown>
  on(type: 'suspend' | 'disconnect', listener: (event: { client: ServerClient }) => void): () => void
}

export interface RestartOptions {
  /** The first restart comes within so many milliseconds; each later one may take twice as long. @default 100 */
  minDelayMs?: number
  /** The longest time until a restart; a worker that was connected for so long begins anew with the shortest. @default 10_000 */
  maxDelayMs?: number
  /** Starts, one after the other, that may end without a connection, before a worker is given up. @default 10 */
  attempts?: number
}

export interface WorkersOptions extends StartOptions {
  /** Whose clients the workers are. It need not listen at an address. */
  server: WorkersServer
  /** How many workers there are. @default as many as can run at a time, `os.availableParallelism()` */
  count?: number
  /** A process each, which nothing that another one does can disturb, or a thread each, in this process. @default 'process' */
  kind?: 'process' | 'thread'
  /** Whether, and how, another one takes the place of one that has ended. @default true */
  restart?: boolean | RestartOptions
  /** Milliseconds that a worker has from its start to its connection; then it is ended. @default 30_000 */
  startTimeoutMs?: number
  /**
   * Milliseconds that a worker whose connection is over has to end by itself; then it gets SIGTERM, and after as long again SIGKILL. A
   * thread is ended. @default 2_000
   */
  stopTimeoutMs?: number
  /** Ends the workers, as {@link Workers.close} does. */
  signal?: AbortSignal
  logger?: Logger
  /** @internal Clock, timers and chance. */
  clock?: Env
}

/** Where a worker stands; `waiting` is for its next start. */
export type WorkerState = 'starting' | 'connected' | 'leaving' | 'waiting' | 'ended' | 'failed'

/** What may follow what. */
export const NEXT: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  starting: ['connected', 'waiting', 'ended', 'failed'],
  connected: ['leaving', 'waiting', 'ended', 'failed'],
  leaving: ['waiting', 'ended', 'failed'],
  waiting: ['starting', 'ended'],
  ended: [],
  failed: [],
}

/** A place among the workers: one process or thread after the other. */
export interface Worker {
  /** Which one it is, from 1. */
  readonly number: number
  readonly state: WorkerState
  /** The number of its process, or of its thread; `undefined` while there is none. */
  readonly id: number | undefined
  /** The client that it is at the server; `undefined` while it is none. */
  readonly client: ServerClient | undefined
  /** How often it was started. */
  readonly starts: number
}

/** A worker entered a state. */
export type WorkerStateChange = { worker: Worker } & (
  | { state: 'starting' | 'connected' | 'leaving' }
  /** It has ended, and the next start comes in so many milliseconds. */
  | { state: 'waiting'; exit: WorkerExit; delayMs: number }
  | { state: 'ended'; exit?: WorkerExit }
  /** It was given up (`WORKER_FAILED`). */
  | { state: 'failed'; exit: WorkerExit; error: NetQueueError }
)

export interface WorkersEvents {
  state: WorkerStateChange
  /** A worker was given up, or a listener failed. */
  warning: { error: NetQueueError }
}

export const restartDefaults: Reconnect = { minDelayMs: 100, maxDelayMs: 10_000, attempts: 10 }
export const START_TIMEOUT_MS = 30_000
export const STOP_TIMEOUT_MS = 2_000

/** Throws for options that no workers can have, before anything is started with them. */
export function checkWorkersOptions(options: WorkersOptions): void {
  const { count = 1, kind = 'process', output = 'inherit', args = [], execArgv = [], execPath, cwd } = options
  checkInteger('count', count, 1, 1_024)
  checkOneOf('kind', kind, ['process', 'thread'])
  checkOneOf('output', output, ['inherit', 'ignore'])
  checkStrings('args', args)
  checkStrings('execArgv', execArgv)
  checkMs('startTimeoutMs', options.startTimeoutMs ?? START_TIMEOUT_MS)
  checkMs('stopTimeoutMs', options.stopTimeoutMs ?? STOP_TIMEOUT_MS)
  for (const [name, value] of Object.entries({ execPath, cwd })) {
    if (value === undefined) continue
    checkString(name, value)
    if (kind === 'thread') throw new TypeError(`Expected \`${name}\` to come with \`kind: 'process'\``)
  }
}

/** Why a worker was given up, for people: how it ended last. */
export function workerFailed(file: string, what: string, exit: WorkerExit, cause?: unknown): NetQueueError {
  const message = `The worker ${file} was given up: ${what} (${exitText(exit)})`
  return new NetQueueError('WORKER_FAILED', message, {
    value: exit.signal ?? exit.code,
    cause: exit.error ?? cause,
  })
}

export function exitText({ code, signal, error }: WorkerExit): string {
  if (signal !== undefined) return `ended by ${signal}`
  if (code !== null) return `exit code ${code}`
  const { code: system } = Object(error) as { code?: unknown }
  return `not started: ${typeof system === 'string' ? system : 'unknown error'}`
}
