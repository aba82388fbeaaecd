import { afterEach, describe, expect, test } from 'vitest'

import { connect, defineMessages, listen, memory, memoryPair, text, type } from '../src/index.ts'
import type { ByteDuplex, Client, ClientOptions, Server, ServerOptions } from '../src/index.ts'
import { packetstream } from '../src/protocol/index.ts'
import { Clock, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

const messages = defineMessages({
  echo: { payload: type<string>(), reply: type<string>(), codec: text() },
  note: { payload: type<string>(), codec: text() },
})
type M = typeof messages
const IDLE_MS = 1_000

const open: { close(options: { timeout: number }): Promise<unknown> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
})

function keep<T extends { close(options: { timeout: number }): Promise<unknown> }>(node: T): T {
  open.push(node)
  return node
}

/** A place of its own, with time in the hands of the test. */
class World {
  readonly clock = new Clock()
  readonly transports = [memory()]
  readonly states: string[] = []

  async listen(options: ServerOptions<string, string, M> = {}): Promise<Server<string, string, M>> {
    const server = keep(
      await listen('memory:here', { messages, env: this.clock, transports: this.transports, ...options }),
    )
    server.handle('echo', (payload) => payload)
    return server
  }

  async connect(options: ClientOptions<string, string, M> = {}): Promise<Client<string, string, M>> {
    const { clock: env, transports } = this
    const client = await connect('memory:here', {
      messages,
      env,
      transports,
      onDemand: { idleMs: IDLE_MS },
      ...options,
    })
    client.on('state', ({ state }) => void this.states.push(state))
    return keep(client)
  }

  /** Time goes by, and what comes of it. */
  async passes(ms: number): Promise<void> {
    this.clock.advance(ms)
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve))
  }
}

describe.each([
  ['netqueue/1', {}],
  ['packetstream', { protocol: packetstream() }],
])('a client on demand, by %s', (_, options) => {
  test('connects when it is first used, and leaves when it is idle', async () => {
    const world = new World()
    const client = await world.connect(options)
    expect(client.state).toBe('idle')
    const server = await world.listen(options)
    await world.passes(10 * IDLE_MS)
    expect(server.clients).toHaveLength(0)
    expect(await client.request('echo', 'a')).toBe('a')
    await world.passes(IDLE_MS - 1)
    expect(server.clients).toHaveLength(1)
    await world.passes(1)
    expect(server.clients).toHaveLength(0)
    expect(world.states).toEqual(['connecting', 'connected', 'idle'])
  })

  test('connects again when it is used again', async () => {
    const world = new World()
    await world.listen(options)
    const client = await world.connect(options)
    for (const word of ['a', 'b', 'c']) {
      expect(await client.request('echo', word)).toBe(word)
      await world.passes(IDLE_MS)
      expect(client.state).toBe('idle')
    }
  })

  test('stays as long as a request is open, of either side', async () => {
    const world = new World()
    const server = await world.listen(options)
    const client = await world.connect({ ...options, limits: { heartbeatMs: 0 } })
    let answer = (): void => {}
    client.handle('echo', (payload) => new Promise((resolve) => (answer = () => resolve(payload))))
    await client.send('note', 'here I am')
    await until(() => server.clients.length === 1)
    const asked = server.request('echo', 'x', { to: server.clients[0] as (typeof server.clients)[number] })
    await world.passes(10 * IDLE_MS)
    expect(client.state).toBe('connected')
    answer()
    expect(await asked).toBe('x')
    await world.passes(IDLE_MS)
    expect(client.state).toBe('idle')
  })

  test('is used by each message, and the time begins anew', async () => {
    const world = new World()
    const server = await world.listen(options)
    const notes: string[] = []
    server.on('note', ({ payload }) => void notes.push(payload))
    const client = await world.connect(options)
    for (const word of ['a', 'b', 'c']) {
      await client.send('note', word)
      await world.passes(0)
      await world.passes(IDLE_MS - 1)
      expect(client.state).toBe('connected')
    }
    expect(notes).toEqual(['a', 'b', 'c'])
  })

  test('looks for a server until there is one, and a call in vain fails with its own time', async () => {
    const world = new World()
    const client = await world.connect(options)
    const late = failureOf(client.request('echo', 'a', { timeout: 100 }))
    await world.passes(101)
    expect(await late).toMatchObject({ code: 'TIMEOUT', delivered: 'no' })
    const early = client.request('echo', 'b', { timeout: 60_000 })
    await world.listen(options)
    for (let seconds = 0; seconds < 30 && client.state !== 'connected'; seconds += 1) await world.passes(1_000)
    expect(await early).toBe('b')
  })

  test('outlives its servers', async () => {
    const world = new World()
    const server = await world.listen(options)
    const client = await world.connect(options)
    expect(await client.request('echo', 'a')).toBe('a')
    await server.close()
    await until(() => client.state === 'idle')
    await world.listen(options)
    expect(await client.request('echo', 'b')).toBe('b')
  })

  test('is closed from any state, and leaves nothing behind', async () => {
    const world = new World()
    await world.listen(options)
    const unused = await world.connect(options)
    await unused.close()
    expect(await unused.closed).toEqual({ undone: [] })
    const used = await world.connect(options)
    await used.request('echo', 'a')
    await used.close()
    expect(used.state).toBe('closed')
    await expect(used.request('echo', 'b')).rejects.toMatchObject({ code: 'CLOSED' })
    await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
    expect(world.clock.timers).toBe(0)
  })
})

describe('a client on demand', () => {
  test('is used by whoever reads items, and stays for them', async () => {
    const world = new World()
    const server = await world.listen()
    const client = await world.connect()
    const first = client.get()
    await server.put('a')
    expect(await first).toBe('a')
    const working = client.process(async () => {}, { signal: AbortSignal.abort() }).catch(() => {})
    await working
    await world.passes(IDLE_MS)
    expect(client.state).toBe('idle')
    const loop = (async () => {
      for await (const item of client) if (item === 'end') break
    })()
    await until(() => client.state === 'connected')
    await world.passes(10 * IDLE_MS)
    expect(client.state).toBe('connected')
    await server.put('end')
    await loop
    await world.passes(IDLE_MS)
    expect(client.state).toBe('idle')
  })

  test('is used by whoever puts an item, until it is settled', async () => {
    const world = new World()
    const server = await world.listen()
    const client = await world.connect()
    const put = client.put('a')
    const taken = await server.receive()
    await put
    await world.passes(10 * IDLE_MS)
    expect(client.state).toBe('connected')
    taken.done()
    await world.passes(0)
    await world.passes(IDLE_MS)
    expect(client.state).toBe('idle')
  })

  test('stays as long as an item waits for credit, and is not settled', async () => {
    const world = new World()
    const server = await world.listen()
    const client = await world.connect()
    const put = client.put('a')
    await until(() => client.state === 'connected')
    await world.passes(10 * IDLE_MS)
    expect(client.state).toBe('connected')
    expect(await server.get()).toBe('a')
    await put
    await world.passes(0)
    await world.passes(IDLE_MS)
    expect(client.state).toBe('idle')
  })

  test('looks for a server that has closed while somebody reads', async () => {
    const world = new World()
    const server = await world.listen()
    const client = await world.connect()
    const loop = (async () => {
      for await (const item of client) if (item === 'end') break
    })()
    await until(() => server.clients.length === 1)
    await server.close()
    const next = await world.listen()
    const put = next.put('end')
    for (let seconds = 0; seconds < 30 && client.state !== 'connected'; seconds += 1) await world.passes(1_000)
    await Promise.all([put, loop])
    expect(world.states).toEqual(['connecting', 'connected', 'reconnecting', 'connected'])
  })

  test('may have its duplexes made by a function, each time anew', async () => {
    const world = new World()
    const server = await world.listen()
    let made = 0
    const dial = (): ByteDuplex => {
      made += 1
      const [here, there] = memoryPair()
      void server.accept(there)
      return here
    }
    const { clock: env } = world
    const client = keep(await connect(dial, { messages, env, onDemand: { idleMs: IDLE_MS } }))
    expect(made).toBe(0)
    for (const word of ['a', 'b']) {
      expect(await client.request('echo', word)).toBe(word)
      await world.passes(IDLE_MS)
      expect(client.state).toBe('idle')
    }
    expect(made).toBe(2)
  })

  test('that is cut off is idle where nobody uses it, and looks for its server where somebody does', async () => {
    const world = new World()
    const server = await world.listen({ resumeTimeoutMs: 0 })
    const duplexes: ByteDuplex[] = []
    const dial = (): ByteDuplex => {
      const [here, there] = memoryPair()
      duplexes.push(here)
      void server.accept(there)
      return here
    }
    const client = keep(await connect(dial, { messages, env: world.clock, onDemand: { idleMs: 10 * IDLE_MS } }))
    expect(await client.request('echo', 'a')).toBe('a')
    duplexes.at(-1)?.abort?.(new Error('the cable was pulled'))
    await until(() => client.state === 'idle')
    let answer = (): void => {}
    client.handle('echo', (payload) => new Promise((resolve) => (answer = () => resolve(payload))))
    expect(await client.request('echo', 'b')).toBe('b')
    void server.request('echo', 'x', { to: server.clients.at(-1) as (typeof server.clients)[number] }).catch(() => {})
    await world.passes(0)
    const reader = client.get()
    duplexes.at(-1)?.abort?.(new Error('the cable was pulled'))
    await until(() => client.state === 'reconnecting')
    answer()
    const put = server.put('item')
    for (let seconds = 0; seconds < 30 && client.state !== 'connected'; seconds += 1) await world.passes(1_000)
    await put
    expect(await reader).toBe('item')
    expect(duplexes).toHaveLength(3)
  })

  test('of several servers looks for all of them, and leaves all of them', async () => {
    const world = new World()
    const { clock: env, transports } = world
    const options = { messages, env, transports }
    const servers = [keep(await listen('memory:one', options)), keep(await listen('memory:two', options))]
    for (const server of servers) server.handle('echo', (payload) => payload)
    const client = keep(await connect(['memory:one', 'memory:two'], { ...options, onDemand: { idleMs: IDLE_MS } }))
    for (const word of ['a', 'b']) {
      expect(await client.request('echo', word)).toBe(word)
      await until(() => servers.every(({ clients }) => clients.length === 1))
      await world.passes(IDLE_MS)
      expect([client.state, ...servers.map(({ clients }) => clients.length)]).toEqual(['idle', 0, 0])
    }
  })

  test('of servers that stand in for each other has the one that is there', async () => {
    const world = new World()
    const { clock: env, transports } = world
    const options = { messages, env, transports }
    const addresses = ['memory:one', 'memory:two']
    const client = keep(await connect(addresses, { ...options, failover: true, onDemand: { idleMs: IDLE_MS } }))
    for (const address of addresses) {
      const server = keep(await listen(address, options))
      server.handle('echo', () => address)
      expect(await client.request('echo', '')).toBe(address)
      await world.passes(IDLE_MS)
      expect(client.state).toBe('idle')
      await server.close()
    }
  })

  test('never leaves with an idleMs of Infinity', async () => {
    const world = new World()
    await world.listen()
    const client = await world.connect({ onDemand: { idleMs: Number.POSITIVE_INFINITY }, limits: { heartbeatMs: 0 } })
    await client.request('echo', 'a')
    await world.passes(1_000 * IDLE_MS)
    expect(client.state).toBe('connected')
  })

  test('cannot be one that looks for its server once', async () => {
    await expect(connect('memory:x', { onDemand: true, reconnect: false })).rejects.toThrow(TypeError)
    const [duplex] = memoryPair()
    await expect(connect(duplex, { onDemand: true })).rejects.toThrow(TypeError)
    await expect(connect('memory:x', { onDemand: { idleMs: -1 } })).rejects.toThrow(RangeError)
  })
})
