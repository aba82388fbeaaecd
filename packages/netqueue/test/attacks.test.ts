import { encode } from '@msgpack/msgpack'
import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, msgpack, text } from '../src/index.ts'
import type { Client, Logger, NetQueueError, Server, ServerOptions } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { frame, FRAME, introduce, RawPeer } from './support/raw-peer.ts'

const plain = { item: text(), result: text() }
const open: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close()
})

async function start(options: ServerOptions<string, string> = {}): Promise<Server<string, string>> {
  const server = await listen<string, string>('tcp://127.0.0.1:0', { ...plain, ...options })
  open.push(server)
  return server
}

async function join(server: Server<string, string>, logger?: Logger): Promise<Client<string, string>> {
  const client = await connect<string, string>(server.address as string, { ...plain, ...(logger && { logger }) })
  open.push(client)
  return client
}

const fail = (): never => {
  throw new Error('what the user brought failed')
}
const broken: Logger = { debug: fail, info: fail, warn: fail }

describe('msgpack from a peer', () => {
  const nested = (header: number[], times: number): Uint8Array =>
    Uint8Array.from(Array.from({ length: times }, () => header).flat())

  test.each([
    ['arrays that claim 2^25 values each', nested([0xdd, 1, 0xff, 0xff, 0xff], 60)],
    ['the same, in a long item', nested([0xdd, 1, 0xff, 0xff, 0xff], 300)],
    ['arrays that each claim as many values as the item has bytes', nested([0xdd, 0, 0, 0x03, 0xe8], 300)],
    ['a million levels', new Uint8Array(1_000_000).fill(0x91)],
    ['a map that claims more than there is', nested([0xdf, 0xff, 0xff, 0xff, 0xff], 300)],
  ])('%s is refused before memory is taken', (_what, bomb) => {
    const before = process.memoryUsage().heapUsed
    expect(() => msgpack().decode(bomb)).toThrow(/length|values|levels/)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000)
  })

  test('what is as long as it says is taken, whatever it holds', () => {
    const value = {
      list: Array.from({ length: 70_000 }, (_, index) => index - 35_000),
      map: Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`key ${index}`, index / 3])),
      bytes: [10, 300, 70_000].map((length) => new Uint8Array(length).fill(0xdd)),
      texts: [3, 40, 300, 70_000].map((length) => 'é'.repeat(length)),
      rest: [null, true, false, 2 ** 40, -(2 ** 40), -1, -200, -40_000, new Date(1e12), new Date(1.5e12 + 1), {}, []],
    }
    expect(msgpack({ maxNodes: 220_000 }).decode(encode(value))).toEqual(value)
  })
})

describe('what users bring may throw', () => {
  test('a logger that throws ends no connection, no listener and no dispatch', async () => {
    let asked = 0
    const server = await start({
      logger: broken,
      chooseDispatch: (free) => {
        asked += 1
        if (asked === 1) throw new Error('the policy failed')
        return free[0]
      },
    })
    const stranger = await RawPeer.dial(server.address)
    stranger.send(frame(99))
    await stranger.untilEnd()
    stranger.end()
    const client = await join(server, broken)
    void client.process((item) => `${item}!`).catch(() => {})
    const first = server.submit('a')
    client.setStatus('asks again')
    expect(await first).toBe('a!')
  })

  test.each<[string, () => unknown]>([
    ['a code that throws', () => Object.defineProperty({}, 'code', { get: fail })],
    ['a message that throws', () => Object.defineProperty(new Error('x'), 'message', { get: fail })],
    ['a proxy that throws', () => new Proxy({}, { get: fail, getPrototypeOf: fail })],
  ])('a handler that throws %s is an answer, and the next item is worked on', async (_what, make) => {
    const server = await start()
    const client = await connect<string, string>(server.address as string, { ...plain, exposeErrors: true })
    open.push(client)
    void client
      .process((item) => {
        if (item === 'bad') throw make()
        return item
      })
      .catch(() => {})
    await expect(server.submit('bad')).rejects.toMatchObject({ remoteCode: 'HANDLER_FAILED' })
    expect(await server.submit('good')).toBe('good')
  })

  test('a handler and a policy that give a `then` that throws have failed, and the next item is worked on', async () => {
    // oxlint-disable-next-line unicorn/no-thenable
    const trap = Object.defineProperty({}, 'then', { get: fail })
    let isTrap = true
    const server = await start({
      chooseDispatch: (free) => {
        const choice = isTrap ? (trap as never) : free[0]
        isTrap = false
        return choice
      },
    })
    const client = await join(server)
    void client.process((item) => (item === 'bad' ? (trap as string) : item)).catch(() => {})
    const parked = server.submit('parked')
    client.setStatus('asks again')
    expect(await parked).toBe('parked')
    await expect(server.submit('bad')).rejects.toMatchObject({ remoteCode: 'HANDLER_FAILED' })
    expect(await server.submit('good')).toBe('good')
  })

  test('a schema and a codec that answer with a promise that rejects leave no rejection behind', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    const validate = async (): Promise<never> => fail()
    const item = { '~standard': { version: 1 as const, vendor: 'test', validate } }
    const server = await listen<unknown, string>('tcp://127.0.0.1:0', { item, result: text() })
    open.push(server)
    await expect(server.put('x')).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    const codec = { name: 'text', encode: validate as never, decode: () => 'x' }
    const other = await start({ item: codec })
    await expect(other.put('x')).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    await new Promise((resolve) => setTimeout(resolve, 0))
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  test('map() fails with what its source throws before it gives an iterator, and does not end as if it were empty', async () => {
    const server = await start()
    const source = { [Symbol.asyncIterator]: fail }
    await expect(server.map(source).next()).rejects.toThrow('what the user brought failed')
  })
})

test('late settles of one turn are one warning, however many ranges they came in', async () => {
  const server = await start()
  const warnings: NetQueueError[] = []
  server.on('warning', ({ error }) => warnings.push(error))
  const peer = await RawPeer.dial(server.address)
  await introduce(peer)
  peer.send(frame(FRAME.BATCH, Buffer.from('02010a0000', 'hex')))
  await server.put('x')
  await until(() => peer.frames.length > 0)
  const ranges = 5_000
  peer.send(frame(FRAME.BATCH, Buffer.concat([Buffer.from([3, 0, 0x88, 0x27]), Buffer.alloc(ranges * 2, 1)])))
  await until(() => warnings.length > 0)
  expect(warnings.map(({ code, value }) => [code, value])).toEqual([['STALE_SETTLE', ranges - 1]])
  peer.cut()
})

test('a server takes any `maxUnsettled` without being told a `prefetch`', async () => {
  const server = await start({ limits: { maxUnsettled: 1 } })
  const client = await join(server)
  const got: string[] = []
  void server.process((item) => void got.push(item)).catch(() => {})
  for (const item of ['a', 'b', 'c']) await client.put(item)
  await until(() => got.length === 3)
  expect(got).toEqual(['a', 'b', 'c'])
})

describe('P7: what waits for a reader is bounded for all clients together', () => {
  test('maxInboxBytes stops credit, for clients that come later too, until somebody reads', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxInboxBytes: 1_000 } })
    const loop = server.deliveries()
    const held = loop.next()
    for (const _ of [1, 2, 3]) {
      const client = await place.connect()
      for (const _ of [1, 2, 3]) client.put('x'.repeat(400)).catch(() => {})
      await rest()
      await place.pass(client.close({ timeout: 0 }))
    }
    const late = await place.connect()
    const put = observe(() => late.put('late'))
    await rest()
    expect(put()).toBe('waits')
    const { value } = await held
    value?.done()
    for (let taken = await loop.next(); taken.value?.item !== 'late'; taken = await loop.next()) taken.value?.done()
    expect(put()).toBe('resolves')
    await loop.return?.()
  })
})

test('P7: a dead letter for a client that is gone stays one when it is requeued, from a listener too', async () => {
  await using place = new Place()
  const server = await place.listen()
  const client = await place.connect()
  const received = client.receive()
  let calls = 0
  server.on('deadLetter', () => {
    calls += 1
    server.deadLetters.requeue()
  })
  await server.put('a', { to: server.clients[0] })
  await received
  await client.close({ notify: false })
  await until(() => server.deadLetters.size === 1)
  expect([calls, server.deadLetters.requeue(), server.deadLetters.size]).toEqual([1, 0, 1])
})

test('a status that is changed after it was set stays what it was', async () => {
  await using place = new Place()
  const status = { load: 1, log: '' }
  const server = await place.listen({ status })
  const client = await place.connect({ status })
  status.log = 'x'.repeat(100_000)
  status.load = 2
  const other = await place.connect()
  expect([server.clients[0]?.status, other.serverStatus]).toEqual([
    { load: 1, log: '' },
    { load: 1, log: '' },
  ])
  expect(client.state).toBe('connected')
})
