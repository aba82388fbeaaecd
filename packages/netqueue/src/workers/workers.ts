import type { Timer } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkMs, checkSignal } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Emitter } from '../events/emitter.ts'
import type { EventStream, EventStreamOptions } from '../events/event-stream.ts'
import type { Listener } from '../events/listener.ts'
import { reconnectFrom } from '../life/back-off.ts'
import { harmless, silent } from '../options/logger.ts'
import type { Logger } from '../options/logger.ts'
import { onAbort } from '../queue/on-abort.ts'
import type { ServerClient } from '../server/server-client.ts'
import { startProcess } from '../transport/stdio-process.ts'
import { startThread } from '../transport/stdio-thread.ts'
import { parallelism, pathOf } from '../transport/stdio-workers.ts'
import type { StartWorker } from '../transport/stdio-workers.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import {
  checkWorkersOptions,
  exitText,
  restartDefaults,
  START_TIMEOUT_MS,
  STOP_TIMEOUT_MS,
  workerFailed,
} from './workers-options.ts'
import type { Worker, WorkersEvents, WorkersOptions, WorkersServer, WorkerStateChange } from './workers-options.ts'
import { Post } from './workers-post.ts'

export type { WorkerExit } from '../transport/stdio-workers.ts'
export type {
  RestartOptions,
  Worker,
  WorkersEvents,
  WorkersOptions,
  WorkersServer,
  WorkerState,
  WorkerStateChange,
} from './workers-options.ts'

/**
 * Starts a file several times, in processes or threads of their own, as clients of a server: each calls `connect('stdio:')`. Resolves when all
 * are connected. Rejects with `WORKER_FAILED` where one ends before that, or where there is no such file, with `CLOSED` where the server
 * does, and with the signal's reason; none is left then.
 *
 * From then on another one takes the place of each that ends, however it does, after a random time of up to 100 ms that doubles up to 10 s. They
 * end with the server: its `close()` lets them finish and ends their loops.
 */
export async function spawnWorkers(file: string | URL, options: WorkersOptions): Promise<Workers> {
  checkWorkersOptions(options)
  const { signal } = options
  if (signal !== undefined) checkSignal('signal', signal)
  signal?.throwIfAborted()
  const workers = new Workers(pathFrom(file), options)
  try {
    await workers.ready()
    return workers
  } catch (error) {
    await workers.close({ timeout: 0 })
    signal?.throwIfAborted()
    throw error
  }
}

function pathFrom(file: string | URL): string {
  try {
    return pathOf(file)
  } catch (error) {
    throw workerFailed(String(file), 'there is no such file', { code: null, error })
  }
}

export interface CloseWorkersOptions {
  /** Milliseconds for the workers to finish what they have; then it goes back to the server. @default 5_000 */
  timeout?: number
}

/** Processes, or threads, that are clients of a server in this process. */
export class Workers implements AsyncDisposable {
  /** All of them, in their order. */
  readonly all: readonly Worker[]
  /** Resolves when none is left, and none will be started; never rejects. */
  readonly closed: Promise<void>
  readonly #posts: readonly Post[]
  readonly #events: Emitter<WorkersEvents>
  readonly #logger: Logger
  readonly #file: string
  readonly #lost: AbortController = new AbortController()
  readonly #timeIsUp: (ms: number, callback: () => void) => Timer
  /** All that the workers ever were. */
  readonly #clients: WeakSet<ServerClient> = new WeakSet()
  /** Why the last one was given up that was. */
  #failure: NetQueueError | undefined

  /** @internal Use {@link spawnWorkers}. */
  constructor(file: string, options: WorkersOptions) {
    const { server, count = parallelism(), kind = 'process', clock = host, signal } = options
    const { startTimeoutMs = START_TIMEOUT_MS, stopTimeoutMs = STOP_TIMEOUT_MS } = options
    this.#file = file
    this.#logger = harmless(options.logger ?? silent)
    this.#events = new Emitter<WorkersEvents>((error) => this.#warn(error))
    const start: StartWorker = kind === 'thread' ? startThread : startProcess
    this.#timeIsUp = (ms, callback) => clock.setTimer(callback, ms)
    const shared = {
      file,
      start: () => start(file, options),
      accept: (duplex: ByteDuplex) => this.#accept(server, duplex),
      isOver: () => server.state !== 'listening',
      clock,
      restart: reconnectFrom(options.restart ?? true, 'restart', restartDefaults),
      startTimeoutMs,
      stopTimeoutMs,
      entered: (change: WorkerStateChange) => this.#entered(change),
    }
    this.#posts = Array.from({ length: count }, (_, index) => new Post({ ...shared, number: index + 1 }))
    this.all = this.#posts
    this.closed = this.#watch(options)
    if (signal !== undefined) {
      const off = onAbort(signal, () => void this.close())
      void this.closed.then(off)
    }
  }

  /** Fires when no worker is left and none will be started, with the reason: `WORKER_FAILED`, or `CLOSED`. For calls that wait for workers. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Calls a listener with each event of one type; returns the function that takes it away. */
  on<K extends keyof WorkersEvents>(type: K, listener: Listener<WorkersEvents[K]>): () => void {
    return this.#events.on(type, listener)
  }

  /** What becomes of the workers from now on, for a loop; ends when none is left. */
  states(options?: EventStreamOptions): EventStream<WorkerStateChange> {
    return this.#events.stream('state', options)
  }

  /** @internal Resolves when all are connected; rejects when one ends before that. */
  async ready(): Promise<void> {
    await Promise.all(this.#posts.map(({ ready }) => ready))
  }

  /**
   * Ends the workers, and leaves the server as it is: each finishes what it has, and leaves. When time is up, what they have goes back to the
   * server. Resolves when their processes, or threads, are gone.
   */
  async close({ timeout = 5_000 }: CloseWorkersOptions = {}): Promise<void> {
    checkMs('timeout', timeout)
    this.#retire()
    const timer = this.#timeIsUp(timeout, () => {
      for (const post of this.#posts) post.cut()
    })
    await this.closed
    timer.cancel()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #watch({ server }: WorkersOptions): Promise<void> {
    const off = [
      // It has no way to come back by.
      server.on('suspend', ({ client }) => void (this.#clients.has(client) && client.close())),
      server.on('disconnect', ({ client }) => {
        for (const post of this.#posts) post.lost(client)
      }),
    ]
    // Those that are not connected would wait for ever.
    void server.closed.then(() => this.#retire())
    await Promise.all(this.#posts.map(({ done }) => done))
    for (const stop of off) stop()
    this.#events.close()
    this.#lost.abort(this.#failure ?? new NetQueueError('CLOSED', 'The workers are closed'))
  }

  async #accept(server: WorkersServer, duplex: ByteDuplex): Promise<ServerClient> {
    const client = await server.accept(duplex, { trusted: true })
    this.#clients.add(client)
    return client
  }

  #retire(): void {
    for (const post of this.#posts) post.retire()
  }

  #entered(change: WorkerStateChange): void {
    const { worker, state } = change
    const how = 'exit' in change ? { exit: exitText(change.exit) } : {}
    this.#logger.debug({ file: this.#file, worker: worker.number, id: worker.id, state, ...how }, state)
    if (change.state === 'failed') {
      this.#failure = change.error
      this.#warn(change.error)
    }
    this.#events.emit('state', change)
  }

  #warn(error: NetQueueError): void {
    this.#logger.warn({ file: this.#file, code: error.code }, error.message)
    this.#events.emit('warning', { error })
  }
}
