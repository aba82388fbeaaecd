import assert from 'node:assert/strict'

import { connect, listen } from '../../src/index.ts'
import type { Client, ClientOptions, Env, Server, ServerOptions, Transport } from '../../src/index.ts'
import { chaosProxy } from '../../src/testing/index.ts'
import type { ChaosProxy, ChaosToxics } from '../../src/testing/index.ts'
import { turn } from './handles.ts'

export interface StormInit {
  /** Where the server listens, and the proxy between it and its clients. */
  server: string
  proxy: string
  transports: readonly Transport[]
  env: Env
  clients?: number
  serving?: ServerOptions<number, number>
  reaching?: ClientOptions<number, number>
  toxics?: ChaosToxics
}

/** A server that puts numbers, clients that put them back, a bad network in between, and a ledger of all of it. */
export class Storm implements AsyncDisposable {
  readonly proxy: ChaosProxy
  readonly server: Server<number, number>
  readonly clients: Client<number, number>[]
  /** Numbers whose `put` has resolved, that a client has worked on, and that came back. */
  readonly put: number[] = []
  readonly done: number[] = []
  readonly back: number[] = []
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
    const server = await listen<number, number>(at.server, { transports, env, ...serving })
    const proxy = await chaosProxy({ to: server.address ?? '', listen: at.proxy, transports, env })
    const connecting = Array.from({ length: clients }, (_, index) =>
      connect<number, number>(proxy.address, { id: `client-${index}`, transports, env, ...reaching }),
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
      await pause()
    }
    await over
    await this.server.idle()
    while (this.#back.size < this.put.length) await this.#came()
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

  async #work(client: Client<number, number>): Promise<void> {
    for await (const item of client) {
      this.done.push(item)
      await client.put(item)
    }
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
