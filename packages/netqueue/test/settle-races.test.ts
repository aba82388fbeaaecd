import assert from 'node:assert/strict'

import { expect, test } from 'vitest'

import { connect, listen, memoryPair } from '../src/index.ts'
import type { Client, Delivery, Server } from '../src/index.ts'
import { chaosDuplex, virtualEnv } from '../src/testing/index.ts'
import type { ChaosDuplex, VirtualEnv } from '../src/testing/index.ts'

const ITEMS = 60

/** Workers behind slow networks, who often take longer than they may; all of it from one seed. */
class Races {
  readonly #env: VirtualEnv
  readonly #codes: Map<string, number> = new Map()
  readonly #clients: { client: Client<string, string>; network: ChaosDuplex }[] = []
  /** The highest attempt at each item that anybody began. */
  readonly #newest: Map<string, number> = new Map()
  readonly #works: Promise<unknown>[] = []
  #server!: Server<string, string>

  constructor(seed: number) {
    this.#env = virtualEnv({ seed })
  }

  /** Resolves with how often each code was warned of. */
  async run(): Promise<Map<string, number>> {
    const env = this.#env
    this.#server = await listen<string, string>(undefined, { env, settleTimeoutMs: 60, maxAttempts: 1_000 })
    this.#server.on('warning', ({ error }) => this.#codes.set(error.code, (this.#codes.get(error.code) ?? 0) + 1))
    for (let count = 0; count < 3; count += 1) await this.#join()
    const items = Array.from({ length: ITEMS }, (_, index) => `item ${index}`)
    const results = Promise.all(items.map((item) => this.#server.submit(item)))
    await env.pass(this.#sleep(150))
    this.#clients[0]?.network.reset()
    await this.#join()
    const answers = await env.pass(results)
    for (const [index, item] of items.entries()) assert.equal(answers[index], `${item} ${this.#newest.get(item)}`)
    await env.pass(
      Promise.all([this.#server.close({ timeout: 0 }), ...this.#clients.map(({ client }) => client.closed)]),
    )
    await env.pass(Promise.all(this.#works))
    assert.equal(env.timers, 0, 'Expected no timer to remain')
    return this.#codes
  }

  async #join(): Promise<void> {
    const env = this.#env
    const [here, there] = memoryPair()
    const network = chaosDuplex(here, { env, latencyMs: 10, jitterMs: 8 })
    this.#server.accept(there).catch(() => {})
    const client = await env.pass(connect<string, string>(network, { env, prefetch: this.#pick(1, 4) }))
    this.#clients.push({ client, network })
    const work = async (item: string, delivery: Delivery<string, string>): Promise<string> => {
      const result = this.#work(item, delivery)
      this.#works.push(result.catch(() => {}))
      return result
    }
    client.process(work, { concurrency: this.#pick(1, 3) }).catch(() => {})
  }

  async #work(item: string, { attempt, extend, signal }: Delivery<string, string>): Promise<string> {
    const heeds = this.#chance(0.5)
    this.#newest.set(item, Math.max(attempt, this.#newest.get(item) ?? 0))
    for (let steps = this.#pick(1, 3); steps > 0; steps -= 1) {
      await this.#sleep(this.#pick(0, 60))
      if (heeds && signal.aborted) throw signal.reason
      if (this.#chance(0.4)) extend()
    }
    return `${item} ${attempt}`
  }

  #chance(probability: number): boolean {
    return this.#env.random() < probability
  }

  #pick(from: number, to: number): number {
    return from + Math.floor(this.#env.random() * (to - from + 1))
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#env.setTimer(resolve, ms))
  }
}

test('P9, fault 22: whatever crosses on the way, the result of an item is that of its newest delivery', async () => {
  const total = new Map<string, number>()
  for (let seed = 1; seed <= 20; seed += 1)
    for (const [code, count] of await new Races(seed).run()) total.set(code, (total.get(code) ?? 0) + count)
  expect([...total.keys()].toSorted()).toEqual(['SETTLE_TIMEOUT', 'STALE_SETTLE'])
  expect(Math.min(...total.values())).toBeGreaterThan(20)
})
