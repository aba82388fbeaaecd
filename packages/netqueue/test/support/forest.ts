import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { listen } from '../../src/index.ts'
import type { Server } from '../../src/index.ts'
import { Processes } from './processes.ts'
import type { Process } from './processes.ts'

/** What a leaf is to do, and to answer. */
export interface Task {
  n: number
  /** Waits so long, and puts its answer before it gives it. */
  ms?: number
  /** Waits until nobody wants it any more. */
  holds?: boolean
}

export interface Answer {
  n: number
  leaf: string
}

/** What a leaf says when it has begun a task that holds, and when it hears that it was cancelled; on the clock that all processes share. */
export interface Said {
  what: 'ready' | 'busy' | 'cancelled'
  n: number
  /** Milliseconds. */
  at: number
}

/** On the clock that all processes share. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** A node of a tree. It says that it is ready; then a leaf works, and puts what it has done, while a relay only passes on. */
const NODE = `
  const [role, name, parent, address] = process.argv.slice(2)
  const now = () => Number(process.hrtime.bigint()) / 1e6
  const tell = (what, n = 0) => say({ what, n, at: now() })
  const finding = { wait: true, reconnect: { minDelayMs: 5, maxDelayMs: 50 } }
  const cancelled = (n, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => {
    tell('cancelled', n)
    reject(signal.reason)
  }))
  if (role === 'relay') {
    await netqueue.relay({ parent, listen: address, client: finding })
    tell('ready')
  } else {
    const client = await netqueue.connect(parent, { ...finding, tags: [name] })
    tell('ready')
    await client.process(async ({ n, ms, holds }, { signal }) => {
      const answer = { n, leaf: name }
      if (holds) {
        tell('busy', n)
        await cancelled(n, signal)
      }
      if (ms === undefined) return answer
      await new Promise((resolve) => setTimeout(resolve, ms))
      await client.put(answer)
      return answer
    })
  }
`

interface NodeInit {
  role: 'relay' | 'leaf'
  name: string
  parent: string
  address: string
}

/** A place in a tree: one process after the other. */
export class TreePlace {
  readonly role: 'relay' | 'leaf'
  readonly name: string
  process: Process
  readonly #start: () => Process

  constructor({ role, name, parent, address }: NodeInit, processes: Processes) {
    this.role = role
    this.name = name
    this.#start = () => processes.start({ args: [role, name, parent, address] })
    this.process = this.#start()
  }

  async ready(): Promise<void> {
    await this.until('ready')
  }

  /** Resolves when it says so; what it says before is of no interest. */
  async until(what: Said['what']): Promise<Said> {
    for (;;) {
      const said = (await this.process.next()) as Said
      if (said.what === what) return said
    }
  }

  /** kill -9, and the next process after it. */
  async killed(): Promise<void> {
    await this.process.end()
    this.process = this.#start()
    await this.ready()
  }
}

/** A root in this process, and below it relays and leaves, each a process of its own. */
export class Forest implements AsyncDisposable {
  readonly server: Server<Task, Answer>
  readonly places: TreePlace[] = []
  readonly #processes: Processes
  readonly #folder: string

  private constructor(server: Server<Task, Answer>, processes: Processes, folder: string) {
    this.server = server
    this.#processes = processes
    this.#folder = folder
  }

  /** So many hops from the root to a leaf, and at each node so many children. */
  static async grow(hops: number, children: number): Promise<Forest> {
    const folder = mkdtempSync(join(tmpdir(), 'netqueue-tree-'))
    const processes = await Processes.of(NODE)
    const root = `unix:${folder}/root`
    const forest = new Forest(await listen<Task, Answer>(root), processes, folder)
    forest.#branch({ parent: root, prefix: '', hops, children })
    await Promise.all(forest.places.map((place) => place.ready()))
    return forest
  }

  get relays(): TreePlace[] {
    return this.places.filter(({ role }) => role === 'relay')
  }

  get leaves(): TreePlace[] {
    return this.places.filter(({ role }) => role === 'leaf')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close({ timeout: 0 })
    await this.#processes[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #branch({
    parent,
    prefix,
    hops,
    children,
  }: {
    parent: string
    prefix: string
    hops: number
    children: number
  }): void {
    for (let child = 1; child <= children; child += 1) {
      const name = `${prefix}${child}`
      const address = `unix:${this.#folder}/${name}`
      const role = hops === 1 ? 'leaf' : 'relay'
      this.places.push(new TreePlace({ role, name, parent, address }, this.#processes))
      if (hops > 1) this.#branch({ parent: address, prefix: `${name}.`, hops: hops - 1, children })
    }
  }
}
