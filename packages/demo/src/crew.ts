import { fork } from 'node:child_process'
import type { ChildProcess, ForkOptions } from 'node:child_process'
import { once } from 'node:events'
import { setInterval } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Server, ServerClient } from 'netqueue'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))
const RELAY = fileURLToPath(new URL('./relay.js', import.meta.url))

/** How many relays stand between the server and its workers, where there are any. */
export const RELAYS = 2

/** How often the state of other processes is looked at, where no event tells of it. */
const LOOK_MS = 5

/** How long a worker whose connection ended may take to leave. */
const LEAVE_MS = 5_000

const STREAMS: ForkOptions = { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }

export interface CrewInit<Item, Result> {
  server: Server<Item, Result>
  size: number
  directory: string
  /** Whether the workers are behind relays. */
  tree: boolean
}

export interface Member {
  name: string
  pid: number
  isAlive: boolean
  isRelay: boolean
}

/** A worker, or a relay, that was killed. */
export interface Casualty {
  name: string
  pid: number
  /** Items that it held and had not settled. */
  held: number
}

/** The worker processes, and the relays before them, as their parent sees them and as the server sees them. */
export class Crew<Item, Result> {
  readonly #server: Server<Item, Result>
  readonly #relays: Map<string, ChildProcess> = new Map()
  readonly #workers: Map<string, ChildProcess> = new Map()
  readonly #alone: AbortController = new AbortController()

  private constructor(server: Server<Item, Result>) {
    this.#server = server
  }

  /** Starts all processes; they are to be killed when this one ends. */
  static async start<Item, Result>({
    server,
    size,
    directory,
    tree,
  }: CrewInit<Item, Result>): Promise<Crew<Item, Result>> {
    const crew = new Crew(server)
    process.once('exit', () => crew.kill())
    const addresses = tree ? await crew.#startRelays() : [server.address as string]
    for (let index = 0; index < size; index += 1)
      crew.#startWorker(`worker-${index + 1}`, directory, turned(addresses, index))
    return crew
  }

  /** Fires when no worker is left to do the job. */
  get lost(): AbortSignal {
    return this.#alone.signal
  }

  /** All of them, also those that are gone. */
  get members(): Member[] {
    return [...this.#all()].map(([name, child]) => ({
      name,
      pid: child.pid ?? 0,
      isAlive: !hasExited(child),
      isRelay: this.#relays.has(name),
    }))
  }

  /** Waits until every worker is connected, and the server is asked for work by all its clients. */
  async ready(): Promise<void> {
    for await (const _ of setInterval(LOOK_MS)) {
      const dead = [...this.#all()].find(([, child]) => hasExited(child))
      if (dead !== undefined) throw new Error(`${dead[0]} ended before it was connected`)
      if (this.#connected() === this.#workers.size && this.#server.clients.every(({ credit }) => credit > 0)) return
    }
  }

  /**
   * Kills a client of the server, a worker or a relay, that holds items, which is not the same as one that held some a moment ago: until the signal arrives it could
   * finish them. So all are stopped first. Answers that were on their way still come in; when two looks find the same,
   * nothing is on its way any more, and what a stopped one holds now it holds when it dies.
   */
  async killOneThatHoldsItems(): Promise<Casualty> {
    this.#signal('SIGSTOP')
    try {
      const victim = await this.#holder()
      const child = this.#all().get(victim.id) as ChildProcess
      const gone = this.#disconnected(victim)
      child.kill('SIGKILL')
      return { name: victim.id, pid: child.pid as number, held: await gone }
    } finally {
      this.#signal('SIGCONT')
    }
  }

  /** Waits until all have left, which they do when the server closes. */
  async gone(): Promise<void> {
    const leave = async (child: ChildProcess): Promise<void> => {
      if (!hasExited(child)) await once(child, 'exit', { signal: AbortSignal.timeout(LEAVE_MS) })
    }
    await Promise.all([...this.#all().values()].map(leave)).catch(() => this.kill())
  }

  /** Ends all at once, also those that are stopped. */
  kill(): void {
    this.#signal('SIGKILL')
  }

  #all(): ReadonlyMap<string, ChildProcess> {
    return new Map([...this.#relays, ...this.#workers])
  }

  /** Workers that are there, as the server knows: relays tell who is below them. */
  #connected(): number {
    const { clients } = this.#server
    if (this.#relays.size === 0) return clients.length
    return clients.flatMap(({ nodes }) => nodes).length
  }

  /** Resolves with their addresses. */
  #startRelays(): Promise<string[]> {
    const names = Array.from({ length: RELAYS }, (_, index) => `relay-${index + 1}`)
    return Promise.all(names.map((name) => this.#startRelay(name)))
  }

  async #startRelay(name: string): Promise<string> {
    const child = fork(RELAY, [name, this.#server.address as string], STREAMS)
    this.#relays.set(name, child)
    const [address] = await Promise.race([once(child, 'message'), once(child, 'exit')])
    if (typeof address !== 'string') throw new Error(`${name} ended before it was connected`)
    return address
  }

  #startWorker(name: string, directory: string, addresses: readonly string[]): void {
    const child = fork(WORKER, [directory, name, ...addresses], STREAMS)
    this.#workers.set(name, child)
    child.once('exit', () => {
      if ([...this.#workers.values()].every(hasExited)) this.#alone.abort(new Error('No worker is left'))
    })
  }

  /** The client with the most unsettled items, once nothing changes any more. */
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
    for (const child of this.#all().values()) child.kill(signal)
  }
}

/** The same list, another one first: each worker has a relay of its own, and the others to go to. */
function turned(list: readonly string[], by: number): string[] {
  const first = by % list.length
  return [...list.slice(first), ...list.slice(0, first)]
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
