import assert from 'node:assert/strict'

import { connect, defineMessages, listen, NetQueueError, type } from '../../src/index.ts'
import type { Client, ClientOptions, Env, Server, ServerOptions, Transport } from '../../src/index.ts'
import { chaosProxy } from '../../src/testing/index.ts'
import type { ChaosProxy, ChaosToxics } from '../../src/testing/index.ts'
import { turn } from './handles.ts'

/** What is asked in a storm: a number, for twice as much; a number, for as many. */
const messages = defineMessages({
  double: { payload: type<number>(), reply: type<number>() },
  count: { payload: type<number>(), reply: type<number>() },
})
type App = typeof messages

/** Longer than any storm. */
const PATIENT = { timeout: 86_400_000 }

/** What one that was asked may fail with, where sessions do not resume. */
const FAILURES = new Set(['CONNECTION_LOST', 'SLOW_PEER', 'CLIENT_GONE'])

export interface StormInit {
  /** Where the server listens, and the proxy between it and its clients. */
  server: string
  proxy: string
  transports: readonly Transport[]
  env: Env
  clients?: number
  serving?: ServerOptions<number, number, App>
  reaching?: ClientOptions<number, number, App>
  toxics?: ChaosToxics
}

/** A server that puts numbers, clients that put them back, a bad network in between, and a ledger of all of it. */
export class Storm implements AsyncDisposable {
  readonly proxy: ChaosProxy
  readonly server: Server<number, number, App>
  readonly clients: Client<number, number, App>[]
  /** Numbers whose `put` has resolved, that a client has worked on, and that came back. */
  readonly put: number[] = []
  readonly done: number[] = []
  readonly back: number[] = []
  /** Questions that were begun to be answered, by their numbers, and what those that failed failed with. */
  readonly answered: number[] = []
  readonly failures: string[] = []
  #asked = 0
  readonly #questions: Promise<void>[] = []
  /** Why connections ended, as the server saw it. */
  readonly losses: string[] = []
  readonly #back: Set<number> = new Set()
  #tell: () => void = () => {}
  /** How often a client came, or came back. */
  #joined: number
  readonly #loops: Promise<unknown>[] = []

  private constructor({ proxy, server, clients }: Pick<Storm, 'proxy' | 'server' | 'clients'>) {
    this.proxy = proxy
    this.server = server
    this.clients = clients
    this.#joined = clients.length
    for (const event of ['connect', 'resume'] as const) server.on(event, () => (this.#joined += 1))
    server.on('suspend', ({ error }) => this.losses.push(error.code))
    server.on('disconnect', ({ error }) => this.losses.push(error?.code ?? 'goodbye'))
    for (const node of [server, ...clients]) this.#answer(node)
    this.#loops.push(this.#read(), ...clients.map((client) => this.#work(client)))
  }

  static async open({
    transports,
    env,
    clients = 1,
    toxics = {},
    serving,
    reaching,
    ...at
  }: StormInit): Promise<Storm> {
    const server = await listen<number, number, App>(at.server, { messages, transports, env, ...serving })
    const proxy = await chaosProxy({ to: server.address ?? '', listen: at.proxy, transports, env })
    const connecting = Array.from({ length: clients }, (_, index) =>
      connect<number, number, App>(proxy.address, { id: `client-${index}`, messages, transports, env, ...reaching }),
    )
    const storm = new Storm({ proxy, server, clients: await Promise.all(connecting) })
    proxy.set(toxics)
    return storm
  }

  /** Puts one number after the other until something is over; resolves when each has come back. `pause` comes between two. */
  async putUntil(over: Promise<unknown>, pause: () => Promise<unknown>): Promise<void> {
    const state = { isOver: false }
    const end = (): void => void (state.isOver = true)
    over.then(end, end)
    while (!state.isOver) {
      const item = this.put.length
      await this.server.put(item)
      this.put.push(item)
      this.#ask()
      await pause()
    }
    await over
    await this.server.idle()
    while (this.#back.size < this.put.length) await this.#came()
    await Promise.all(this.#questions)
  }

  /** Resolves when so many numbers have come back. */
  async settled(count: number): Promise<void> {
    while (this.back.length < count) await turn()
  }

  /** Resolves when all clients are connected, and both sides think so. */
  async together(): Promise<void> {
    const isWhole = (): boolean => this.#joined - this.losses.length === this.clients.length
    while (!isWhole() || !this.clients.every(({ state }) => state === 'connected')) await turn()
  }

  /** Throws where something is missing; with `once`, also where something is there twice. */
  check({ once = false } = {}): void {
    const sorted = (items: readonly number[]): number[] =>
      (once ? [...items] : [...new Set(items)]).toSorted((a, b) => a - b)
    assert.deepEqual(sorted(this.done), this.put, 'what was worked on')
    assert.deepEqual(sorted(this.back), this.put, 'what came back')
    assert.equal(this.server.backlog, 0)
    if (!once) return
    assert.deepEqual(this.failures, [], 'what questions failed with')
    assert.deepEqual(
      sorted(this.answered),
      Array.from({ length: this.#asked }, (_, at) => at),
      'what was answered',
    )
  }

  /** Everybody leaves, and nothing is undone. */
  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()))
    assert.deepEqual(await this.server.close(), { undone: [] })
    await this.proxy.close()
    await Promise.all(this.#loops)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close()
    await Promise.all(this.clients.map((client) => client.close({ timeout: 0 })))
    await this.server.close({ timeout: 0 })
  }

  async #work(client: Client<number, number, App>): Promise<void> {
    for await (const item of client) {
      this.done.push(item)
      await client.put(item)
    }
  }

  #answer(node: Pick<Server<number, number, App>, 'handle'> | Pick<Client<number, number, App>, 'handle'>): void {
    node.handle('double', (question) => {
      this.answered.push(question)
      return question * 2
    })
    node.handle('count', (question) => {
      this.answered.push(question)
      return counting(question)
    })
  }

  /** One question from a client, one from the server, each by turns for a value and for a stream. */
  #ask(): void {
    const client = this.clients[this.#asked % this.clients.length]
    for (const node of [client, this.server]) {
      const question = this.#asked
      this.#asked += 1
      const asking = question % 4 < 2 ? this.#askValue(node, question) : this.#askStream(node, question)
      this.#questions.push(asking.catch((error: unknown) => this.#failed(error)))
    }
  }

  async #askValue(node: Asker | undefined, question: number): Promise<void> {
    assert.equal(await node?.request('double', question, PATIENT), question * 2)
  }

  async #askStream(node: Asker | undefined, question: number): Promise<void> {
    const got: number[] = []
    for await (const chunk of node?.stream('count', question, PATIENT) ?? []) got.push(chunk)
    assert.deepEqual(got, [question, question + 1, question + 2])
  }

  #failed(error: unknown): void {
    if (!(error instanceof NetQueueError) || !FAILURES.has(error.code)) throw error
    this.failures.push(error.code)
  }

  #came(): Promise<void> {
    return new Promise((resolve) => (this.#tell = resolve))
  }

  async #read(): Promise<void> {
    for await (const item of this.server) {
      this.back.push(item)
      this.#back.add(item)
      this.#tell()
    }
  }
}

type Asker =
  | Pick<Client<number, number, App>, 'request' | 'stream'>
  | Pick<Server<number, number, App>, 'request' | 'stream'>

async function* counting(from: number): AsyncGenerator<number> {
  for (let chunk = from; chunk < from + 3; chunk += 1) yield chunk
}
