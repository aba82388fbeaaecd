import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collect, ending, pattern } from '../../test/support/bytes.ts'
import { expectHandles, handles, turn } from '../../test/support/handles.ts'
import type { ListenerOptions } from './listener.ts'
import { memory } from './memory.ts'
import { tcp } from './tcp.ts'
import type { ByteDuplex, Transport } from './transport.ts'
import { unix } from './unix.ts'

interface Setup {
  name: string
  make: (options?: ListenerOptions) => Transport
  /** An address that can be listened at. */
  address: string
  /** An address where nobody listens, and what the system says of it. */
  nobody: string
  refusal: string
  /** What one side sees as the address of the other. */
  remote: RegExp
  /** What a connection that the listener cuts looks like. */
  cut: 'broken' | 'ended'
  bad: string[]
}

const folder = mkdtempSync(join(tmpdir(), 'netqueue-listener-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const badTcp = [
  'tcp://127.0.0.1',
  'tcp://:x',
  'tcp://::1:80',
  'tcp://[1.2.3.4]:80',
  'tcp://a:65536',
  'tcp://a b:1',
  'tcp:a:1',
  'tcp://u@a:1',
  'tcp://a:1/b',
]

const setups: Setup[] = [
  {
    name: 'tcp, IPv4',
    make: tcp,
    address: 'tcp://127.0.0.1:0',
    nobody: 'tcp://127.0.0.1:1',
    refusal: 'ECONNREFUSED',
    remote: /^tcp:\/\/127\.0\.0\.1:\d+$/,
    cut: 'broken',
    bad: badTcp,
  },
  {
    name: 'tcp, IPv6',
    make: tcp,
    address: 'tcp://[::1]:0',
    nobody: 'tcp://[::1]:1',
    refusal: 'ECONNREFUSED',
    remote: /^tcp:\/\/\[::1\]:\d+$/,
    cut: 'broken',
    bad: badTcp,
  },
  {
    name: 'tcp, a name',
    make: tcp,
    address: 'tcp://localhost:0',
    nobody: 'tcp://localhost:1',
    refusal: 'ECONNREFUSED',
    remote: /^tcp:\/\/(127\.0\.0\.1|\[::1\]):\d+$/,
    cut: 'broken',
    bad: badTcp,
  },
  {
    name: 'unix',
    make: unix,
    address: `unix:${folder}/socket`,
    nobody: `unix:${folder}/nobody`,
    refusal: 'ENOENT',
    remote: /^unix:.*\/socket$/,
    cut: 'ended',
    bad: ['unix:', 'unix:a\0b'],
  },
  {
    name: 'memory',
    make: memory,
    address: 'memory:here',
    nobody: 'memory:nobody',
    refusal: 'ECONNREFUSED',
    remote: /^memory:here$/,
    cut: 'broken',
    bad: ['memory:'],
  },
]

/** How a connection ends that is cut; the system may tell while it connects, or after. */
async function fate(connecting: Promise<ByteDuplex>): Promise<string> {
  const connection = await connecting.catch(() => undefined)
  if (connection === undefined) return 'broken'
  const seen = await ending(connection.source)
  connection.abort?.(new Error('over'))
  return seen
}

describe.each(setups)('$name', ({ make, address, nobody, refusal, remote, cut, bad }) => {
  const transport = make()
  let before: Record<string, number>

  beforeEach(() => {
    before = handles()
  })

  afterEach(async () => {
    await expectHandles(before)
  })

  const end = (...connections: ByteDuplex[]): Promise<unknown> =>
    Promise.all(connections.flatMap((connection) => [connection.sink([]), collect(connection.source)]))

  test('a listener gives each connection once, in order, and its iteration ends at close', async () => {
    const listener = await transport.listen(address)
    const clients = [await transport.connect(listener.address), await transport.connect(listener.address)]
    const sent = clients.map((client, index) => client.sink([pattern(1, index)]))
    const got: Uint8Array[] = []
    for await (const connection of listener) {
      got.push(await collect(connection.source))
      await connection.sink([])
      if (got.length === 2) await listener.close()
    }
    expect(got.map(([byte]) => byte)).toEqual([pattern(1)[0], pattern(1, 1)[0]])
    await Promise.all([...sent, ...clients.map((client) => collect(client.source))])
  })

  test('addresses tell where the other end is, and carry the port that the system chose', async () => {
    const listener = await transport.listen(address)
    const client = await transport.connect(listener.address)
    const { value: served } = await listener[Symbol.asyncIterator]().next()
    expect(listener.address).not.toMatch(/:0$/)
    expect(listener.address.replace(/\d+$/, '')).toBe(address.replace(/\d+$/, ''))
    expect(client.remoteAddress).toMatch(remote)
    expect(served.remoteAddress).toMatch(remote)
    await Promise.all([end(client, served), listener.close()])
  })

  test('close takes no more connections and leaves those that exist', async () => {
    const listener = await transport.listen(address)
    const client = await transport.connect(listener.address)
    const iterator = listener[Symbol.asyncIterator]()
    const { value: served } = await iterator.next()
    const waiting = iterator.next()
    await listener.close()
    await listener.close()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await expect(transport.connect(listener.address)).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    const [got] = await Promise.all([
      collect(served.source),
      client.sink([pattern(100)]),
      served.sink([]),
      collect(client.source),
    ])
    expect(got.byteLength).toBe(100)
  })

  test('close cuts connections that nobody iterated', async () => {
    const listener = await transport.listen(address)
    const client = await transport.connect(listener.address)
    const read = ending(client.source)
    await turn()
    await listener.close()
    expect(await read).toBe(cut)
    client.abort?.(new Error('over'))
  })

  test('an address is free again after close', async () => {
    const first = await transport.listen(address)
    await first.close()
    const second = await transport.listen(first.address)
    expect(second.address).toBe(first.address)
    await second.close()
  })

  test('leaving the iteration leaves the listener as it is', async () => {
    const listener = await transport.listen(address)
    let served = 0
    for (let round = 1; round <= 2; round += 1) {
      const client = await transport.connect(listener.address)
      for await (const connection of listener) {
        await end(client, connection)
        served += 1
        break
      }
    }
    expect(served).toBe(2)
    await listener.close()
  })

  test('connections beyond maxWaiting are cut, the others are served', async () => {
    const small = make({ maxWaiting: 2 })
    const listener = await small.listen(address)
    const clients = [await small.connect(listener.address), await small.connect(listener.address)]
    await turn()
    expect(await fate(small.connect(listener.address))).toBe(cut)
    for (const client of clients) {
      const { value: served } = await listener[Symbol.asyncIterator]().next()
      await end(client, served)
    }
    await listener.close()
  })

  test('connect where nobody listens rejects with CONNECT_FAILED, which names the address and the reason', async () => {
    const failure = transport.connect(nobody)
    await expect(failure).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: `Cannot connect to ${nobody}: ${refusal}`,
      cause: { code: refusal },
    })
  })

  test('listen where somebody listens rejects with LISTEN_FAILED, and the first goes on', async () => {
    const listener = await transport.listen(address)
    await expect(transport.listen(listener.address)).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `Cannot listen at ${listener.address}: EADDRINUSE`,
      cause: { code: 'EADDRINUSE' },
    })
    const done = end(await transport.connect(listener.address)).then(() => listener.close())
    // The second unix listener tried whether anybody answers, and hung up: that is a connection too.
    for await (const connection of listener) await end(connection).catch(() => {})
    await done
  })

  test('a signal that has fired rejects connect with its reason', async () => {
    const listener = await transport.listen(address)
    const reason = new Error('not today')
    await expect(transport.connect(listener.address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await listener.close()
  })

  test('a signal that fires after connect does nothing, and no listener stays on it', async () => {
    const listener = await transport.listen(address)
    const controller = new AbortController()
    const client = await transport.connect(listener.address, { signal: controller.signal })
    await expect(transport.connect(nobody, { signal: controller.signal })).rejects.toThrow('Cannot connect')
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    controller.abort()
    const { value: served } = await listener[Symbol.asyncIterator]().next()
    await end(client, served)
    await listener.close()
  })

  test.each(bad)('%j is no address: connect and listen reject with a TypeError that shows the form', async (wrong) => {
    await expect(transport.connect(wrong)).rejects.toThrow(TypeError)
    await expect(transport.listen(wrong)).rejects.toThrow(`look like \`${transport.form}\``)
  })
})

test.each([
  { name: 'tcp', transport: tcp(), address: 'tcp://127.0.0.1:0' },
  { name: 'unix', transport: unix(), address: `unix:${folder}/abort` },
])('$name: an abort while connecting rejects with its reason and closes the socket', async ({ transport, address }) => {
  const before = handles()
  const listener = await transport.listen(address)
  const controller = new AbortController()
  const connecting = transport.connect(listener.address, { signal: controller.signal })
  // Two ticks on, the system has connected, and we do not know of it yet.
  for (let tick = 0; tick < 2; tick += 1) await new Promise<void>((resolve) => process.nextTick(resolve))
  controller.abort(new Error('changed my mind'))
  await expect(connecting).rejects.toThrow('changed my mind')
  expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  const { value: served } = await listener[Symbol.asyncIterator]().next()
  expect(await ending(served.source)).toMatch(/ended|broken/)
  served.abort()
  await listener.close()
  await expectHandles(before)
})

test.each([
  ['tcp', (): unknown => tcp({ backlog: 0 }), 'backlog'],
  ['tcp', (): unknown => tcp({ maxWaiting: 1.5 }), 'maxWaiting'],
  ['unix', (): unknown => unix({ maxWaiting: 0 }), 'maxWaiting'],
  ['memory', (): unknown => memory({ maxWaiting: -1 }), 'maxWaiting'],
])('%s refuses an option that is out of range', (_name, make, option) => {
  expect(make).toThrow(RangeError)
  expect(make).toThrow(`\`${option}\``)
})
