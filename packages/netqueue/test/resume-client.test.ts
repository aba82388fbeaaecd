import { afterEach, expect, test, vi } from 'vitest'

import { connect, listen, text } from '../src/index.ts'
import type { Client, Server, ServerClient, Transport } from '../src/index.ts'
import { Cable } from './support/cable.ts'
import type { Way } from './support/cable.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { converse, SEEN, sorted } from './support/resuming.ts'
import type { Seen, Talker } from './support/resuming.ts'
import { messages } from './support/talking.ts'
import type { App } from './support/talking.ts'

// Each of them is hundreds of conversations.
vi.setConfig({ testTimeout: 60_000 })

/** A server, a client, and the cables between them. */
class Nodes {
  readonly clock: Clock
  readonly server: Server<string, string, App>
  readonly client: Client<string, string, App>
  readonly cables: Cable[]
  /** Whether the session was gone on with, for each connection. */
  readonly resumed: boolean[] = []

  private constructor(
    clock: Clock,
    server: Server<string, string, App>,
    client: Client<string, string, App>,
    cables: Cable[],
  ) {
    this.clock = clock
    this.server = server
    this.client = client
    this.cables = cables
    client.on('connect', ({ resumed }) => this.resumed.push(resumed))
  }

  static async open(): Promise<Nodes> {
    const clock = new Clock()
    const cables: Cable[] = []
    const limits = { heartbeatMs: 0, frameTimeoutMs: 0, sendTimeoutMs: 0 }
    const shared = { item: text(), result: text(), messages, env: clock, limits }
    const server = await listen<string, string, App>(undefined, { ...shared, resumeTimeoutMs: 60_000 })
    const transport: Transport = {
      form: 'cable:',
      accepts: (address) => address === 'cable:',
      exposed: () => false,
      listen: () => Promise.reject(new Error('nobody listens there')),
      connect: async () => {
        const cable = new Cable()
        cables.push(cable)
        server.accept(cable.there).catch(() => {})
        return cable.here
      },
    }
    const client = await connect<string, string, App>('cable:', { ...shared, transports: [transport], prefetch: 3 })
    await rest()
    return new Nodes(clock, server, client, cables)
  }

  /** All that both can say, while time goes on for whoever waits to connect again. */
  async converse(): Promise<Seen> {
    const { client } = this
    const talker: Talker = {
      talk: {
        on: (name, listener) => client.on(name, listener),
        handle: (name, handler) => client.handle(name, handler as never),
      },
      reader: client,
      exchange: {
        send: (name, payload) => client.send(name, payload),
        request: (name, payload) => client.request(name, payload),
      },
      put: (item) => client.put(item),
      settled: SEEN.settled,
    }
    const ticking = setInterval(() => this.clock.advance(50), 1)
    try {
      return await converse({ server: this.server, client: talker, there: this.server.clients[0] as ServerClient })
    } finally {
      clearInterval(ticking)
    }
  }

  async close(): Promise<unknown[]> {
    await this.#pass(this.client.close({ timeout: 0 }))
    await this.#pass(this.server.close({ timeout: 0 }))
    return (await this.client.closed).undone
  }

  /** Lets time pass until a promise settles. */
  async #pass(promise: Promise<unknown>): Promise<void> {
    const isSettled = promise.then(() => true)
    for (let rounds = 0; rounds < 10; rounds += 1) {
      if (await Promise.race([isSettled, rest().then(() => false)])) break
      this.clock.advance(2_500)
    }
    await promise
  }
}

let nodes: Nodes | undefined

afterEach(async () => {
  await nodes?.close()
  nodes = undefined
})

test.each([
  ['up', false],
  ['down', false],
  ['up', true],
  ['down', true],
] as const)(
  'P2: a client that connects again by itself loses and repeats nothing: cut at every seventh byte on its way %s, unnoticed by the server: %s',
  async (way: Way, isHidden) => {
    let cuts = 0
    for (let isCut = true; isCut; cuts += 1) {
      nodes = await Nodes.open()
      const [cable] = nodes.cables as [Cable]
      if (isHidden) cable.hideFromServer()
      cable.limit(way, cuts * 7)
      expect(sorted(await nodes.converse())).toEqual(sorted(SEEN))
      isCut = nodes.cables.length > 1
      expect(nodes.resumed).toEqual(isCut ? [true] : [])
      expect(await nodes.close()).toEqual([])
      expect(nodes.clock.timers).toBe(0)
    }
    expect(cuts).toBeGreaterThan(20)
  },
)

test('P2: a client that comes back too late begins anew: what was sent is repeated, and nothing is lost', async () => {
  nodes = await Nodes.open()
  const { server, client, clock, cables, resumed } = nodes
  const read: string[] = []
  void (async () => {
    for await (const item of server) read.push(item)
  })()
  await client.put('first')
  await rest()
  cables[0]?.limit('up', 0)
  await client.put('under way')
  await until(() => client.state !== 'connected')
  const late = server.clients[0] as ServerClient
  await until(() => late.isAway)
  await late.close()
  const second = observeTicks(clock)
  await until(() => client.state === 'connected')
  second()
  await until(() => read.length === 2)
  expect([resumed, read]).toEqual([[false], ['first', 'under way']])
})

/** Time goes on until it is stopped. */
function observeTicks(clock: Clock): () => void {
  const ticking = setInterval(() => clock.advance(50), 1)
  return () => clearInterval(ticking)
}

test('endRequests() of a client that is away waits for the answers that the session still brings', async () => {
  nodes = await Nodes.open()
  const { server, client, clock, cables } = nodes
  const answers: ((value: unknown) => void)[] = []
  server.handle('any:ask', () => new Promise((resolve) => answers.push(resolve)))
  const request = client.request('any:ask', 1)
  await until(() => answers.length === 1)
  cables[0]?.cut()
  await until(() => client.state === 'reconnecting')
  const ended = client.endRequests().then(() => true)
  expect(await Promise.race([ended, rest().then(() => false)])).toBe(false)
  clock.advance(1_000)
  await until(() => client.state === 'connected')
  answers[0]?.('late')
  expect(await request).toBe('late')
  expect(await ended).toBe(true)
})

test('messages that are sent while a client is away arrive in order when it is back, however many fit at a time', async () => {
  nodes = await Nodes.open()
  const { server, client, clock, cables } = nodes
  const heard: string[] = []
  server.on('news:flash', ({ payload }) => heard.push(payload))
  cables[0]?.cut()
  await until(() => client.state === 'reconnecting')
  const long = 'x'.repeat(60_000)
  const sends = Array.from({ length: 40 }, async (_, n) => client.send('news:flash', `${n} ${long}`))
  clock.advance(1_000)
  await Promise.all(sends)
  await until(() => heard.length === 40)
  expect(heard.map((text) => text.split(' ')[0])).toEqual(Array.from({ length: 40 }, (_, n) => String(n)))
})
