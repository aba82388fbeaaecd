import assert from 'node:assert/strict'

import { connect, listen, memory, relay } from '../../src/index.ts'
import type {
  ByteDuplex,
  Client,
  ClientOptions,
  Listener,
  Relay,
  RelayOptions,
  Server,
  ServerOptions,
  Transport,
} from '../../src/index.ts'
import { chaosDuplex } from '../../src/testing/index.ts'
import type { ChaosDuplex } from '../../src/testing/index.ts'
import { Clock } from './nodes.ts'

interface Closable {
  close(options: { timeout: number }): Promise<unknown>
}

/** The connections of one node, in the hands of a test. */
class Cables implements Transport {
  readonly form = 'memory:name'
  readonly #tree: Tree
  /** Those that it made, with their latency; and those that were made to it. */
  readonly made: ChaosDuplex[] = []
  readonly #taken: ByteDuplex[] = []
  #isCut = false

  constructor(tree: Tree) {
    this.#tree = tree
  }

  accepts(address: string): boolean {
    return address.startsWith('memory:')
  }

  exposed(): boolean {
    return false
  }

  async connect(address: string): Promise<ByteDuplex> {
    if (this.#isCut) throw new Error('The node is dead')
    const { clock, latencyMs, memory: ways } = this.#tree
    const duplex = chaosDuplex(await ways.connect(address), { env: clock, latencyMs })
    this.made.push(duplex)
    return duplex
  }

  async listen(address: string): Promise<Listener> {
    const listener = await this.#tree.memory.listen(address)
    return {
      address,
      close: () => listener.close(),
      [Symbol.asyncIterator]: () => this.#accepted(listener),
    }
  }

  /** All connections break, as when a process dies. */
  cut(): void {
    this.#isCut = true
    this.reset()
  }

  /** All connections break, as when a network does. */
  reset(): void {
    for (const duplex of this.made) duplex.reset()
    for (const duplex of this.#taken) duplex.abort?.(new Error('the node is dead'))
  }

  async *#accepted(listener: Listener): AsyncGenerator<ByteDuplex> {
    for await (const duplex of listener) {
      this.#taken.push(duplex)
      yield duplex
    }
  }
}

/** Servers, relays and clients in one process, by name, in virtual time: closes all of them, and has then nothing left. */
export class Tree implements AsyncDisposable {
  readonly clock = new Clock()
  readonly memory: Transport = memory()
  /** How long a byte is on its way from one node to the next. */
  readonly latencyMs: number
  readonly #cables: Map<unknown, Cables> = new Map()
  readonly #open: Set<Closable> = new Set()

  constructor({ latencyMs = 0 } = {}) {
    this.latencyMs = latencyMs
  }

  async root<Item = string, Result = string>(options: ServerOptions<Item, Result> = {}): Promise<Server<Item, Result>> {
    const { id = 'root' } = options
    return this.#keep((shared) => listen<Item, Result>(`memory:${id}`, { id, ...shared, ...options }))
  }

  /** A relay that listens by its name. */
  async relay<Item = string, Result = string>(
    name: string,
    parent: string | readonly string[],
    options: Partial<RelayOptions<Item, Result>> = {},
  ): Promise<Relay<Item, Result>> {
    const listen = `memory:${name}`
    return this.#keep((shared) =>
      relay<Item, Result>({ id: name, parent: addressOf(parent), listen, ...shared, ...options }),
    )
  }

  async leaf<In = string, Out = string>(
    name: string,
    parent: string,
    options: ClientOptions<In, Out> = {},
  ): Promise<Client<In, Out>> {
    return this.#keep((shared) => connect<In, Out>(addressOf(parent), { id: name, ...shared, ...options }))
  }

  /** A node dies, without a word. */
  async kill(node: Closable): Promise<void> {
    this.#cables.get(node)?.cut()
    this.#open.delete(node)
    await this.clock.pass(node.close({ timeout: 0 }))
  }

  /** The connections of a node break. */
  reset(node: Closable): void {
    this.#cables.get(node)?.reset()
  }

  rest(): Promise<void> {
    return this.clock.rest()
  }

  pass<T>(promise: Promise<T>): Promise<T> {
    return this.clock.pass(promise)
  }

  /** Lets so many milliseconds pass, with a rest after each. */
  async wait(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1) {
      this.clock.advance(1)
      await this.rest()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = [...this.#open].map((node) => node.close({ timeout: 0 }))
    await this.clock.pass(Promise.all(closing))
    assert.equal(this.clock.timers, 0, 'Expected no timer to remain')
  }

  async #keep<N extends Closable>(make: (shared: { env: Clock; transports: Transport[] }) => Promise<N>): Promise<N> {
    const cables = new Cables(this)
    const node = await this.clock.pass(make({ env: this.clock, transports: [cables] }))
    this.#cables.set(node, cables)
    this.#open.add(node)
    return node
  }
}

const nameOf = (name: string): string => (name.includes(':') ? name : `memory:${name}`)
const addressOf = <A extends string | readonly string[]>(name: A): A =>
  (typeof name === 'string' ? nameOf(name) : name.map(nameOf)) as A

/** Calls `put` until it waits, and says how many did not. */
export async function putsBeforeWaiting(server: Server<string, string>, tree: Tree, most = 50): Promise<number> {
  for (let count = 0; count < most; count += 1) {
    let isDone = false
    void server.put(`filler ${count}`).then(
      () => (isDone = true),
      () => {},
    )
    await tree.rest()
    if (!isDone) return count
  }
  return most
}
