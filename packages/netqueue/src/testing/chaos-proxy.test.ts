import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'

import { collect, ending, pattern, pieces } from '../../test/support/bytes.ts'
import { expectHandles, handles, turn } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { memory, tcp, unix } from '../transport/index.ts'
import type { ByteDuplex, Bytes, Listener, Transport } from '../transport/transport.ts'
import { chaosProxy } from './chaos-proxy.ts'
import type { ChaosProxy } from './chaos-proxy.ts'
import { virtualEnv } from './virtual-env.ts'

const folder = mkdtempSync(join(tmpdir(), 'netqueue-chaos-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Setup {
  name: string
  transport: Transport
  /** Where the server listens, and the proxy. */
  server: string
  proxy: string
  /** What a client sees of a reset; the system has none for unix sockets. */
  cut: 'broken' | 'ended'
}

const setups: Setup[] = [
  { name: 'tcp', transport: tcp(), server: 'tcp://127.0.0.1:0', proxy: 'tcp://127.0.0.1:0', cut: 'broken' },
  { name: 'unix', transport: unix(), server: `unix:${folder}/server`, proxy: `unix:${folder}/proxy`, cut: 'ended' },
  { name: 'memory', transport: memory(), server: 'memory:server', proxy: 'memory:proxy', cut: 'broken' },
]

/** Pieces without end, which leave the event loop its turns. */
async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    await turn()
    yield pattern(900)
  }
}

async function* counted(source: AsyncIterable<Bytes>, count: () => void): AsyncGenerator<Bytes> {
  for await (const piece of source) {
    count()
    yield piece
  }
}

describe.each(setups)('$name', ({ transport, server, proxy: listen, cut }) => {
  let before: Record<string, number>
  let listener: Listener
  let proxy: ChaosProxy

  beforeEach(async () => {
    before = handles()
    listener = await transport.listen(server)
    proxy = await chaosProxy({ to: listener.address, listen, transports: [transport] })
  })

  afterEach(async () => {
    await Promise.all([proxy.close(), listener.close()])
    await expectHandles(before)
  })

  async function meet(): Promise<[client: ByteDuplex, served: ByteDuplex]> {
    const client = await transport.connect(proxy.address)
    return [client, await accepted()]
  }

  const accepted = async (): Promise<ByteDuplex> => (await listener[Symbol.asyncIterator]().next()).value as ByteDuplex

  /** Both sides say something, hear it, and end. */
  async function talk([client, served]: [ByteDuplex, ByteDuplex]): Promise<number[]> {
    const [up, down] = await Promise.all([
      collect(served.source),
      collect(client.source),
      client.sink(pieces(300_000, 7_000)),
      served.sink(pieces(100_000, 9_000)),
    ])
    expect([Buffer.compare(up, pattern(300_000)), Buffer.compare(down, pattern(100_000))]).toEqual([0, 0])
    return [up.byteLength, down.byteLength]
  }

  test('is as if it was not there, and counts', async () => {
    await talk(await meet())
    await talk(await meet())
    expect([proxy.up.bytes, proxy.down.bytes, proxy.accepted]).toEqual([600_000, 200_000, 2])
  })

  test('slices of 1 to 100 bytes and a limited bandwidth change no byte', async () => {
    proxy.set({ up: { sliceBytes: 100 }, down: { bytesPerSecond: 5_000_000 } })
    await talk(await meet())
    expect(proxy.up.pieces).toBeGreaterThan(3_000)
  })

  test('one side ends, the other still sends', async () => {
    const [client, served] = await meet()
    const [heard] = await Promise.all([collect(served.source), client.sink([pattern(5)])])
    const [answer] = await Promise.all([collect(client.source), served.sink([heard, pattern(5)])])
    expect(answer).toHaveLength(10)
  })

  test('reset() breaks all connections, and new ones are made', async () => {
    const [client, served] = await meet()
    const ends = Promise.all([ending(client.source), ending(served.source)])
    await turn()
    proxy.reset()
    expect(await ends).toEqual([cut, cut])
    for (const each of [client, served]) each.abort?.(new Error('over'))
    await talk(await meet())
  })

  test('halfOpen("up") and blackhole() hold everything, and heal() lets it arrive', async () => {
    for (const fault of ['halfOpen', 'blackhole'] as const) {
      const [client, served] = await meet()
      if (fault === 'halfOpen') proxy.halfOpen('up')
      else proxy.blackhole()
      let isHeard = false
      const talked = talk([client, served]).then(() => (isHeard = true))
      for (let turns = 0; turns < 50; turns += 1) await turn()
      expect(isHeard).toBe(false)
      await proxy.heal()
      await talked
    }
  })

  test('a connection that is made while a way is held goes through after heal()', async () => {
    proxy.blackhole()
    const client = await transport.connect(proxy.address)
    const serving = accepted()
    let isServed = false
    void serving.then(() => (isServed = true))
    for (let turns = 0; turns < 50; turns += 1) await turn()
    expect([isServed, proxy.connections]).toEqual([false, 1])
    await proxy.heal()
    await talk([client, await serving])
  })

  test('cut() breaks all connections and refuses new ones, until heal()', async () => {
    const { address } = proxy
    const [client, served] = await meet()
    const ends = Promise.all([ending(client.source), ending(served.source)])
    await turn()
    await proxy.cut()
    expect(await ends).toEqual([cut, cut])
    await expect(transport.connect(address)).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    await proxy.heal()
    expect(proxy.address).toBe(address)
    await talk(await meet())
    for (const each of [client, served]) each.abort?.(new Error('over'))
  })

  test('resetAfterBytes breaks each connection in the same place', async () => {
    proxy.set({ up: { resetAfterBytes: 1_000 } })
    for (let round = 1; round <= 2; round += 1) {
      const [client, served] = await meet()
      const read = ending(served.source)
      const sent = failureOf(client.sink(pieces(10_000_000, 900)))
      expect(await read).toBe(cut)
      expect(await sent).toMatchObject({ code: 'CONNECTION_LOST' })
      expect(proxy.up.bytes).toBe(round * 1_000)
      for (const each of [client, served]) each.abort?.(new Error('over'))
    }
  })

  test('slices arrive one by one', async () => {
    proxy.set({ sliceBytes: 1 })
    const [client, served] = await meet()
    let count = 0
    const read = collect(counted(served.source, () => (count += 1)))
    await client.sink([pattern(300)])
    expect(await read).toHaveLength(300)
    expect(count).toBeGreaterThan(200)
    await Promise.all([served.sink([]), collect(client.source)])
  })

  test('limitBytes ends each connection, and whoever goes on sending is told', async () => {
    proxy.set({ up: { limitBytes: 1_000 } })
    const [client, served] = await meet()
    const sent = failureOf(client.sink(endless()))
    expect(await collect(served.source)).toHaveLength(1_000)
    await served.sink([])
    expect(await sent).toMatchObject({ code: 'CONNECTION_LOST' })
    client.abort?.(new Error('over'))
  })

  test('a server that is gone is told to whoever goes on sending', async () => {
    const [client, served] = await meet()
    const sent = failureOf(client.sink(endless()))
    await served.source[Symbol.asyncIterator]().next()
    served.abort?.(new Error('gone'))
    expect(await sent).toMatchObject({ code: 'CONNECTION_LOST' })
    client.abort?.(new Error('over'))
  })

  test('whoever comes when nobody listens behind it is cut off', async () => {
    await listener.close()
    const client = await transport.connect(proxy.address)
    expect(await ending(client.source)).toBe(cut)
    client.abort?.(new Error('over'))
  })

  test('close() leaves nothing, whatever is under way, also the second time', async () => {
    proxy.set({ latencyMs: 60_000 })
    const [client, served] = await meet()
    const sent = failureOf(client.sink(pieces(50_000_000, 60_000)))
    proxy.halfOpen('down')
    const waiting = await transport.connect(proxy.address)
    await Promise.all([proxy.close(), proxy.close()])
    await proxy.heal()
    expect(proxy.connections).toBe(0)
    await expect(transport.connect(proxy.address)).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    for (const each of [client, served, waiting]) each.abort?.(new Error('over'))
    await sent
  })
})

test('listens at a free port of 127.0.0.1 unless told otherwise', async () => {
  await using proxy = await chaosProxy({ to: 'tcp://127.0.0.1:1' })
  expect(proxy.address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
})

test('in memory with a virtual clock, a slow network takes no time', async () => {
  const transport = memory()
  const env = virtualEnv()
  const listener = await transport.listen('memory:far')
  const proxy = await chaosProxy({
    to: 'memory:far',
    listen: 'memory:near',
    transports: [transport],
    env,
    latencyMs: 3_600_000,
  })
  const client = await transport.connect('memory:near')
  const { value: served } = await listener[Symbol.asyncIterator]().next()
  const [heard] = await env.pass(Promise.all([collect(served.source), client.sink([pattern(7)])]), {
    withinMs: 7_200_000,
  })
  expect([heard.byteLength, env.now()]).toEqual([7, 3_600_000])
  for (const each of [client, served]) each.abort?.(new Error('over'))
  await Promise.all([proxy.close(), listener.close()])
  expect(env.timers).toBe(0)
})

/** Connections that have no abort, and are released when a test says so. */
function bare(under: Transport, closed: Promise<void>): Transport {
  const strip = ({ source, sink }: ByteDuplex): ByteDuplex => ({ source, sink, closed })
  return {
    form: under.form,
    accepts: (address) => under.accepts(address),
    exposed: () => false,
    connect: async (address) => strip(await under.connect(address)),
    listen: async (address) => {
      const listener = await under.listen(address)
      const each = async function* (): AsyncGenerator<ByteDuplex> {
        for await (const duplex of listener) yield strip(duplex)
      }
      return { address, close: () => listener.close(), [Symbol.asyncIterator]: each }
    },
  }
}

test('cut() and close() undo a heal() that is under way, and two of those are one', async () => {
  const under = memory()
  const listener = await under.listen('memory:far')
  const proxy = await chaosProxy({ to: 'memory:far', listen: 'memory:near', transports: [under] })
  await proxy.cut()
  await Promise.all([proxy.heal(), proxy.heal(), proxy.cut()])
  expect(await failureOf(under.connect('memory:near'))).toMatchObject({ code: 'CONNECT_FAILED' })
  await Promise.all([proxy.heal(), proxy.close()])
  expect(await failureOf(under.connect('memory:near'))).toMatchObject({ code: 'CONNECT_FAILED' })
  await listener.close()
})

test('reset() works where connections have no abort, and close() waits until they are released', async () => {
  const under = memory()
  const listener = await under.listen('memory:far')
  let release!: () => void
  const released = new Promise<void>((resolve) => (release = resolve))
  const proxy = await chaosProxy({ to: 'memory:far', listen: 'memory:near', transports: [bare(under, released)] })
  const client = await under.connect('memory:near')
  const { value: served } = (await listener[Symbol.asyncIterator]().next()) as { value: ByteDuplex }
  const ends = Promise.all([ending(client.source), ending(served.source)])
  await turn()
  proxy.reset()
  expect(await ends).toEqual(['broken', 'broken'])
  let isClosed = false
  const closed = proxy.close().then(() => (isClosed = true))
  for (let turns = 0; turns < 50; turns += 1) await turn()
  expect(isClosed).toBe(false)
  release()
  await closed
  await listener.close()
})

test.each([
  [{ to: 7 }, '`to`'],
  [{ to: 'tcp://a:1', listen: 7 }, '`listen`'],
  [{ to: 'tcp://a:1', latency: 7 }, '"latency"'],
])('%o is refused', async (options, text) => {
  const refused = chaosProxy(options as unknown as { to: string })
  await expect(refused).rejects.toThrow(TypeError)
  await expect(refused).rejects.toThrow(text)
})
