import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setInterval } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Server, ServerClient } from 'netqueue'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))

/** How often the state of other processes is looked at, where no event tells of it. */
const LOOK_MS = 5

/** How long a worker whose connection ended may take to leave. */
const LEAVE_MS = 5_000

export interface CrewInit<Item, Result> {
  server: Server<Item, Result>
  size: number
  directory: string
}

export interface Member {
  name: string
  pid: number
  isAlive: boolean
}

/** A worker that was killed. */
export interface Casualty {
  name: string
  pid: number
  /** Items that it held and had not settled. */
  held: number
}

/** The worker processes, as their parent sees them and as the server sees them. */
export class Crew<Item, Result> {
  readonly #server: Server<Item, Result>
  readonly #processes: Map<string, ChildProcess> = new Map()
  readonly #alone: AbortController = new AbortController()

  constructor({ server, size, directory }: CrewInit<Item, Result>) {
    this.#server = server
    for (let number = 1; number <= size; number += 1) this.#start(`worker-${number}`, directory)
  }

  /** Fires when no worker is left to do the job. */
  get lost(): AbortSignal {
    return this.#alone.signal
  }

  /** All workers, also those that are gone. */
  get members(): Member[] {
    return [...this.#processes].map(([name, child]) => ({ name, pid: child.pid ?? 0, isAlive: !hasExited(child) }))
  }

  /** Waits until every worker is connected and asks for work. */
  async ready(): Promise<void> {
    const isReady = (): boolean =>
      this.#server.clients.length === this.#processes.size && this.#server.clients.every(({ credit }) => credit > 0)
    for await (const _ of setInterval(LOOK_MS)) {
      const dead = [...this.#processes].find(([, child]) => hasExited(child))
      if (dead !== undefined) throw new Error(`${dead[0]} ended before it was connected`)
      if (isReady()) return
    }
  }

  /**
   * Kills a worker that holds items, which is not the same as one that held some a moment ago: until the signal arrives it could
   * finish them. So all workers are stopped first. Answers that were on their way still come in; when two looks find the same,
   * nothing is on its way any more, and what a stopped worker holds now it holds when it dies.
   */
  async killOneThatHoldsItems(): Promise<Casualty> {
    this.#signal('SIGSTOP')
    try {
      const victim = await this.#holder()
      const child = this.#processes.get(victim.id) as ChildProcess
      const gone = this.#disconnected(victim)
      child.kill('SIGKILL')
      return { name: victim.id, pid: child.pid as number, held: await gone }
    } finally {
      this.#signal('SIGCONT')
    }
  }

  /** Waits until all workers have left, which they do when the server closes. */
  async gone(): Promise<void> {
    const leave = async (child: ChildProcess): Promise<void> => {
      if (!hasExited(child)) await once(child, 'exit', { signal: AbortSignal.timeout(LEAVE_MS) })
    }
    await Promise.all([...this.#processes.values()].map(leave)).catch(() => this.kill())
  }

  /** Ends all workers at once, also those that are stopped. */
  kill(): void {
    this.#signal('SIGKILL')
  }

  #start(name: string, directory: string): void {
    const { address } = this.#server
    const child = fork(WORKER, [address as string, directory, name], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#processes.set(name, child)
    child.once('exit', () => {
      if ([...this.#processes.values()].every(hasExited)) this.#alone.abort(new Error('No worker is left'))
    })
  }

  /** The worker with the most unsettled items, once nothing changes any more. */
  async #holder(): Promise<ServerClient> {
    let before = ''
    for await (const _ of setInterval(LOOK_MS)) {
      this.lost.throwIfAborted()
      const clients = this.#server.clients.toSorted((a, b) => b.inFlight - a.inFlight)
      const now = clients.map(({ id, inFlight, credit }) => `${id} ${inFlight} ${credit}`).join()
      const [first] = clients
      if (first !== undefined && first.inFlight > 0 && now === before) return first
      before = now
    }
    throw this.lost.reason
  }

  /** How many items a client held when its connection ended. */
  #disconnected(victim: ServerClient): Promise<number> {
    return new Promise((resolve) => {
      const stop = this.#server.on('disconnect', ({ client, unsettled }) => {
        if (client !== victim) return
        stop()
        resolve(unsettled)
      })
    })
  }

  #signal(signal: NodeJS.Signals): void {
    for (const child of this.#processes.values()) child.kill(signal)
  }
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
