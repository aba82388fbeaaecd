import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { BackOff } from '../life/back-off.ts'
import type { Reconnect } from '../life/back-off.ts'
import { pause } from '../life/pause.ts'
import type { ServerClient } from '../server/server-client.ts'
import type { LocalWorker, WorkerExit } from '../transport/stdio-workers.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import { NEXT, restartDefaults, workerFailed } from './workers-options.ts'
import type { Worker, WorkerState, WorkerStateChange } from './workers-options.ts'

export interface PostInit {
  number: number
  /** What is started, for people. */
  file: string
  start: () => LocalWorker
  /** Takes its channel as a client's connection. */
  accept: (duplex: ByteDuplex) => Promise<ServerClient>
  /** Whether nobody takes the place of a worker any more. */
  isOver: () => boolean
  clock: Env
  /** `undefined`: nobody takes the place of a worker that has ended. */
  restart: Reconnect | undefined
  startTimeoutMs: number
  stopTimeoutMs: number
  entered: (change: WorkerStateChange) => void
}

/** A place among the workers, from its first start to the end of the last. */
export class Post implements Worker {
  readonly number: number
  state: WorkerState = 'waiting'
  client: ServerClient | undefined
  starts = 0
  /** Resolves when it is connected for the first time; rejects when it is over before that. */
  readonly ready: Promise<void>
  /** Resolves when it is over: it is empty, and will be. */
  readonly done: Promise<void>
  readonly #init: PostInit
  readonly #backOff: BackOff
  readonly #stop: AbortController = new AbortController()
  #worker: LocalWorker | undefined
  /** Until it has to be connected, or gone. */
  #deadline: Timer | undefined
  /** Starts since the last connection that ended without one. */
  #failures = 0
  #hasConnected = false
  /** Why the server did not take it. */
  #refusal: unknown
  #resolve!: () => void
  #reject!: (error: NetQueueError) => void

  constructor(init: PostInit) {
    this.number = init.number
    this.#init = init
    this.#backOff = new BackOff(init.clock, init.restart ?? restartDefaults)
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.ready.catch(() => {}) // told by its state, too
    this.done = this.#run()
  }

  get id(): number | undefined {
    return this.#worker?.id
  }

  /** Nobody is to be here any more: who is connected finishes what it has, and leaves; who is not yet is ended. */
  retire(): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(new NetQueueError('CLOSED', 'The workers are closed'))
    if (this.client !== undefined) this.client.dismiss()
    else if (this.state === 'starting') this.#terminate()
  }

  /** It had its time to finish. */
  cut(): void {
    this.retire()
    void this.client?.close()
  }

  /** The connection of a client is over; whose that was ends now. */
  lost(client: ServerClient): void {
    if (client !== this.client) return
    this.client = undefined
    this.#leave()
  }

  async #run(): Promise<void> {
    for (;;) {
      const exit = await this.#live()
      if (this.#isOver() || this.#hasLeftForGood(exit)) return this.#end(exit)
      const error = this.#verdict(exit)
      if (error !== undefined) return this.#fail(exit, error)
      const delayMs = this.#backOff.next()
      this.#enter({ worker: this, state: 'waiting', exit, delayMs })
      await pause(this.#init.clock, delayMs, this.#stop.signal).catch(() => {})
      if (this.#isOver()) return this.#end(exit)
    }
  }

  /** One worker, from its start to its end. */
  async #live(): Promise<WorkerExit> {
    const { clock, start, startTimeoutMs } = this.#init
    this.starts += 1
    this.#refusal = undefined
    this.#failures += 1
    this.#enter({ worker: this, state: 'starting' })
    try {
      const worker = start()
      this.#worker = worker
      this.#deadline = clock.setTimer(() => this.#terminate(), startTimeoutMs)
      void this.#introduce(worker)
      return await worker.exited
    } catch (error) {
      return { code: null, error }
    } finally {
      this.#deadline?.cancel()
      this.#worker = undefined
      this.client = undefined
    }
  }

  /** The server's time for an introduction begins when the worker says something, not while it loads its code. */
  async #introduce(worker: LocalWorker): Promise<void> {
    const { duplex } = worker
    if (!(await hasSpoken(duplex))) return duplex.abort?.(new NetQueueError('CLOSED', 'The worker said nothing'))
    try {
      const client = await this.#init.accept(duplex)
      if (worker === this.#worker) this.#connected(client)
    } catch (cause) {
      if (worker !== this.#worker) return
      this.#refusal = cause
      this.#leave()
    }
  }

  #connected(client: ServerClient): void {
    this.#deadline?.cancel()
    this.client = client
    this.#failures = 0
    this.#hasConnected = true
    this.#backOff.connected()
    this.#enter({ worker: this, state: 'connected' })
    this.#resolve()
    if (this.#stop.signal.aborted) client.dismiss()
  }

  /** Its connection is over, or there will be none: it has a while to end by itself. */
  #leave(): void {
    const { clock, stopTimeoutMs } = this.#init
    if (this.state === 'connected') this.#enter({ worker: this, state: 'leaving' })
    this.#deadline?.cancel()
    this.#deadline = clock.setTimer(() => this.#terminate(), stopTimeoutMs)
  }

  #terminate(): void {
    const { clock, stopTimeoutMs } = this.#init
    const worker = this.#worker
    this.#deadline?.cancel()
    if (worker === undefined) return
    worker.terminate()
    this.#deadline = clock.setTimer(() => worker.kill(), stopTimeoutMs)
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted || this.#init.isOver()
  }

  #hasLeftForGood({ code }: WorkerExit): boolean {
    return this.#hasConnected && this.#init.restart === undefined && code === 0
  }

  /** Why nobody takes the place of one that has ended, if so. One that never worked is not tried again: it would fail as it did. */
  #verdict(exit: WorkerExit): NetQueueError | undefined {
    const { file, restart } = this.#init
    const failed = (what: string): NetQueueError => workerFailed(file, what, exit, this.#refusal)
    if (!this.#hasConnected) return failed('it ended before it had connected')
    if (restart === undefined) return failed('it is not started again (restart)')
    if (this.#failures < restart.attempts) return undefined
    return failed(`${this.#failures} starts in a row ended without a connection (restart.attempts)`)
  }

  #end(exit: WorkerExit): void {
    this.#enter({ worker: this, state: 'ended', exit })
    this.#reject(new NetQueueError('CLOSED', 'The workers were closed before all of them had connected'))
  }

  #fail(exit: WorkerExit, error: NetQueueError): void {
    this.#enter({ worker: this, state: 'failed', exit, error })
    this.#reject(error)
  }

  /** Throws for what may not follow: a fault of this library. */
  #enter(change: WorkerStateChange): void {
    if (!NEXT[this.state].includes(change.state))
      throw new Error(`Expected ${change.state} not to follow ${this.state}`)
    this.state = change.state
    this.#init.entered(change)
  }
}

/** Whether the other end says something before it is gone; what it said is there for who reads next. */
async function hasSpoken({ source }: ByteDuplex): Promise<boolean> {
  try {
    const { done, value } = await source[Symbol.asyncIterator]().next()
    if (done === true) return false
    source.unread?.(value.subarray())
    return true
  } catch {
    return false
  }
}
