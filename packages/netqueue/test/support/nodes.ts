import assert from 'node:assert/strict'

import { connect, listen, memory, memoryPair, NetQueueError } from '../../src/index.ts'
import type { Client, ClientOptions, Env, Messages, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import { chaosDuplex } from '../../src/testing/index.ts'
import { VirtualClock } from '../../src/testing/virtual-env.ts'
import { turn } from './handles.ts'

/** Time in the hands of a test; chance is always 0.5, so that back-off takes half of its most. */
export class Clock extends VirtualClock {
  override random(): number {
    return 0.5
  }
}

/** A client, and its connection in the hands of a test. */
export interface Attached<C> {
  client: C
  /** The client as its server sees it. */
  there: ServerClient
  /** Cuts the connection, as when a cable is pulled. */
  lose: () => void
  /** The client reads no more: one frame still comes, then the server's sending stalls. */
  hold: () => void
  letGo: () => void
}

/** A place of its own for servers and clients, in memory: closes all of them, and has then nothing left. */
export class Place implements AsyncDisposable {
  readonly clock = new Clock()
  readonly address = 'memory:here'
  readonly #transports = [memory()]
  readonly #open: { close(options: { timeout: number }): Promise<unknown> }[] = []

  get #shared(): { env: Env; transports: ReturnType<typeof memory>[] } {
    return { env: this.clock, transports: this.#transports }
  }

  async listen<Item = string, Result = string, M extends Messages = Messages>(
    options: ServerOptions<Item, Result, M> = {},
  ): Promise<Server<Item, Result, M>> {
    return this.#keep(await listen<Item, Result, M>(this.address, { ...this.#shared, ...options }))
  }

  async connect<In = string, Out = string, M extends Messages = Messages>(
    options: ClientOptions<In, Out, M> = {},
  ): Promise<Client<In, Out, M>> {
    return this.#keep(await connect<In, Out, M>(this.address, { ...this.#shared, ...options }))
  }

  /** A client whose connection can be cut and held up. */
  async attach<In = string, Out = string, M extends Messages = Messages, N extends Messages = Messages>(
    server: Server<In, Out, N>,
    options: ClientOptions<In, Out, M> = {},
  ): Promise<Attached<Client<In, Out, M>>> {
    const [here, there] = memoryPair()
    const accepted = server.accept(there)
    const wire = chaosDuplex(here, { env: this.clock })
    const client = this.#keep(await connect<In, Out, M>(wire, { ...this.#shared, ...options }))
    return {
      client,
      there: await accepted,
      lose: () => here.abort?.(new Error('the cable was pulled')),
      hold: () => wire.halfOpen('down'),
      letGo: () => wire.heal(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#open.map((node) => node.close({ timeout: 0 }))
    await this.pass(Promise.all(closing))
    assert.equal(this.clock.timers, 0, 'Expected no timer to remain')
  }

  /** Lets time pass until a promise settles. */
  pass<T>(promise: Promise<T>): Promise<T> {
    return this.clock.pass(promise)
  }

  #keep<N extends { close(options: { timeout: number }): Promise<unknown> }>(node: N): N {
    this.#open.push(node)
    return node
  }
}

/** Long enough for everything between two nodes in one process to come to rest. */
export async function rest(): Promise<void> {
  for (let turns = 0; turns < 30; turns += 1) await turn()
}

/** For whatever takes its time on a busy machine. */
const PATIENCE_MS = 30_000

/** Waits, turn by turn, until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    if (isSo()) return
    await turn()
  }
  assert.fail(`Expected this to become so: ${isSo.toString()}`)
}

/** What an error is called: its code where it has one. */
function codeOf(error: unknown): string {
  if (error instanceof NetQueueError) return error.code
  return error instanceof Error ? error.name : String(error)
}

/** Makes a call and says, whenever asked, what it has done: `returns …`, `throws …`, `resolves …`, `rejects …` or `waits`. */
export function observe(call: () => unknown): () => string {
  let outcome = 'waits'
  try {
    const value = call()
    if (isThenable(value)) {
      value.then(
        (result) => (outcome = said('resolves', result)),
        (error: unknown) => (outcome = `rejects ${codeOf(error)}`),
      )
    } else outcome = said('returns', value)
  } catch (error) {
    outcome = `throws ${codeOf(error)}`
  }
  return () => outcome
}

const said = (verb: string, value: unknown): string =>
  value === undefined ? verb : `${verb} ${typeof value === 'function' ? 'function' : textOf(value)}`

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
