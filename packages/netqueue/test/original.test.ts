import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, roundRobin, text } from '../src/index.ts'
import { netQueue } from '../src/protocol/index.ts'
import type { Client, ClientOptions, NetQueueError, Server, ServerClient, ServerOptions } from '../src/index.ts'
import { turn } from './support/handles.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, introduce, RawPeer, RawServer } from './support/raw-peer.ts'

interface Vector {
  name: string
  hex: string
  code: string
  canonical?: boolean
  decoded: { type: string; text?: string; items?: string[] }
}

const { original } = JSON.parse(
  readFileSync(new URL('../../../docs/protocol-vectors.json', import.meta.url), 'utf8'),
) as { original: { frames: Vector[]; invalid: Vector[] } }

const CONN = '000000020001'
const DISCONN = '000000020002'
const PING = '000000020004'
const PONG = '000000020005'
const status = (text: string): string => frame(FRAME.STATUS, text)
const enqueue = (...items: string[]): string => frame(FRAME.ENQUEUE, items.join('\n'))
const hexOf = (peer: RawPeer): string => peer.received.toString('hex')

const open: { close(options: { timeout: number }): Promise<unknown> }[] = []
const peers: RawPeer[] = []

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut()
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
})

interface Heard {
  server: Server<string, string>
  /** What it was warned of, and why clients left. */
  codes: string[]
}

async function serve(options: ServerOptions<string, string> = {}): Promise<Heard> {
  const server = await listen<string, string>('tcp://127.0.0.1:0', options)
  const codes: string[] = []
  server.on('warning', ({ error }) => codes.push(error.code))
  server.on('disconnect', ({ error }) => codes.push(error?.code ?? 'goodbye'))
  open.push(server)
  return { server, codes }
}

async function dial(address: string | undefined): Promise<RawPeer> {
  const peer = await RawPeer.dial(address)
  peers.push(peer)
  return peer
}

/** An original client: CONN, its answer, and a status where it has one. */
async function originalClient(
  server: Server<string, string>,
  text?: string,
): Promise<{ peer: RawPeer; client: ServerClient }> {
  const count = server.clients.length
  const peer = await dial(server.address)
  peer.send(CONN)
  expect((await peer.next()).type).toBe(FRAME.CONN)
  if (text !== undefined) peer.send(status(text))
  await until(() => server.clients.length > count && (text === undefined || server.clients.at(-1)?.status === text))
  return { peer, client: server.clients.at(-1) as ServerClient }
}

/** A client of ours at an original server that is played by hand. */
async function withOriginalServer(
  options: ClientOptions<string, string> = {},
): Promise<{ client: Client<string, string>; peer: RawPeer; stop: () => Promise<void> }> {
  const raw = await RawServer.listen()
  const connecting = connect<string, string>(raw.address, { protocol: netQueue(), reconnect: false, ...options })
  const peer = await raw.accept()
  expect((await peer.next()).type).toBe(FRAME.CONN)
  peer.send(CONN)
  const client = await connecting
  open.push(client)
  return { client, peer, stop: () => raw[Symbol.asyncDispose]() }
}

const took = async (items: AsyncIterable<string>, count: number): Promise<string[]> => {
  const taken: string[] = []
  for await (const item of items) {
    taken.push(item)
    if (taken.length === count) break
  }
  return taken
}

describe('vectors, from an original to a server', () => {
  const effects: Record<string, (vector: Vector, heard: Heard, peer: RawPeer) => Promise<void>> = {
    conn: async (_vector, _heard, peer) => {
      peer.send(PING)
      await peer.until(() => hexOf(peer) === CONN + PONG)
    },
    disconn: async ({ hex }, { codes }, peer) => {
      await peer.untilEnd()
      expect([hexOf(peer), codes]).toEqual([CONN + hex, ['goodbye']])
    },
    ping: async (_vector, _heard, peer) => peer.until(() => hexOf(peer) === CONN + PONG),
    pong: async (_vector, _heard, peer) => {
      peer.send(PING)
      await peer.until(() => hexOf(peer) === CONN + PONG)
    },
    status: async ({ decoded }, { server }) => until(() => server.clients[0]?.status === decoded.text),
    enqueue: async ({ decoded }, { server }) =>
      expect(await took(server, decoded.items?.length ?? 0)).toEqual(decoded.items),
  }

  test.each(original.frames)('$name', async (vector) => {
    const heard = await serve()
    const { peer } = await originalClient(heard.server)
    peer.send(vector.hex)
    await effects[vector.decoded.type]?.(vector, heard, peer)
    expect(heard.codes.filter((code) => code !== 'goodbye')).toEqual([])
  })

  test.each(original.invalid)(
    'P7: $name is $code at the server; the original gets DISCONN, never a repair',
    async ({ hex, code }) => {
      const { server, codes } = await serve()
      const { peer } = await originalClient(server)
      peer.send(hex)
      await peer.untilEnd()
      expect(hexOf(peer)).toBe(CONN + DISCONN)
      peer.end()
      await until(() => codes.length > 0)
      expect(codes).toEqual([code])
      expect(server.tryGet()).toBeUndefined()
    },
  )
})

describe('vectors, from a server to an original', () => {
  test('CONN is answered once, PING each time, and the last word is DISCONN', async () => {
    const { server } = await serve()
    const { peer } = await originalClient(server)
    peer.send(CONN)
    peer.send(PING)
    expect(await peer.next()).toMatchObject({ type: FRAME.PONG })
    peer.send(PING)
    expect(await peer.next()).toMatchObject({ type: FRAME.PONG })
    const closed = server.close()
    await peer.untilEnd()
    peer.send(DISCONN)
    peer.end()
    await closed
    expect(hexOf(peer)).toBe(CONN + PONG + PONG + DISCONN)
  })

  test.each(
    original.frames.filter(
      ({ decoded, canonical }) => decoded.type === 'enqueue' && decoded.items?.length === 1 && canonical !== false,
    ),
  )('$name is written as it stands there', async ({ hex, decoded }) => {
    const { server } = await serve()
    const { peer } = await originalClient(server)
    await server.put(decoded.items?.[0] as string)
    await peer.next()
    expect(hexOf(peer)).toBe(CONN + hex)
  })

  test.each(original.frames.filter(({ decoded, canonical }) => decoded.type === 'status' && canonical !== false))(
    '$name is written as it stands there: lengths count bytes, not characters',
    async ({ hex, decoded }) => {
      const { server } = await serve()
      const { peer } = await originalClient(server)
      server.setStatus(decoded.text)
      await peer.next()
      expect(hexOf(peer)).toBe(CONN + hex)
    },
  )
})

describe('vectors, between a client of ours and an original server', () => {
  test('CONN, then STATUS on the answer if there is one, items, PONG, and DISCONN before the end', async () => {
    const { client, peer, stop } = await withOriginalServer({ status: 'ok' })
    peer.send(PING)
    await peer.until(() => hexOf(peer) === CONN + '0000000400036f6b' + PONG)
    await client.put('hello')
    await peer.until(() => hexOf(peer).endsWith('00000007000668656c6c6f'))
    peer.send(enqueue('a', 'b'))
    expect(await took(client, 2)).toEqual(['a', 'b'])
    peer.send(status('é'))
    await until(() => client.serverStatus === 'é')
    const closed = client.close()
    await peer.untilEnd()
    peer.end()
    await closed
    expect(hexOf(peer).endsWith(DISCONN)).toBe(true)
    await stop()
  })

  test('without a status, CONN is all that a client says unasked', async () => {
    const { peer, stop } = await withOriginalServer()
    for (let turns = 0; turns < 50; turns += 1) await turn()
    expect(hexOf(peer)).toBe(CONN)
    await stop()
  })

  test.each(original.invalid)('P7: $name is $code at the client; the original gets DISCONN', async ({ hex, code }) => {
    const { client, peer, stop } = await withOriginalServer()
    peer.send(hex)
    await peer.untilEnd()
    expect(hexOf(peer)).toBe(CONN + DISCONN)
    peer.end()
    expect((await client.closed).error?.code).toBe(code)
    await stop()
  })

  test('P11: a netqueue/1 client of an original server fails with PROTOCOL_MISMATCH, and says DISCONN', async () => {
    const raw = await RawServer.listen()
    const connecting = failureOf(connect(raw.address))
    const peer = await raw.accept()
    peer.send(CONN)
    await peer.untilEnd()
    peer.end()
    expect(await connecting).toMatchObject({ code: 'PROTOCOL_MISMATCH' })
    expect(hexOf(peer).endsWith(DISCONN)).toBe(true)
    await raw[Symbol.asyncDispose]()
  })

  test('an item that comes before the CONN is taken', async () => {
    const raw = await RawServer.listen()
    const connecting = connect<string, string>(raw.address, { protocol: netQueue() })
    const peer = await raw.accept()
    peer.send(enqueue('early'), CONN)
    const client = await connecting
    open.push(client)
    expect(await client.get()).toBe('early')
    await raw[Symbol.asyncDispose]()
  })
})

describe('what an original can be told', () => {
  const words = ['ä', '漢字', '😀 and 👩‍👩‍👧', '', ' ', '\r', '\u2028', 'x'.repeat(99_000), 'é'.repeat(49_500)]

  test('text beyond ASCII, both ways', async () => {
    const { server } = await serve()
    const { peer } = await originalClient(server)
    for (const word of words) {
      await server.put(word)
      const { type, data } = await peer.next()
      expect([type, data.toString()]).toEqual([FRAME.ENQUEUE, word])
      peer.send(enqueue(word))
      expect(await server.get()).toBe(word)
    }
  })

  test('an item with a newline is UNSUPPORTED towards an original, and carried by netqueue/1', async () => {
    const { server } = await serve()
    const { client: old } = await originalClient(server)
    await expect(server.put('a\nb', { to: old })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    const client = await connect<string, string>(server.address as string)
    open.push(client)
    const put = server.put('a\nb')
    expect(await client.get()).toBe('a\nb')
    await put
  })

  test('a client of an original server refuses a newline, too, and what is no text', async () => {
    const { client, peer, stop } = await withOriginalServer()
    for (const item of ['a\nb', 1, null, { a: 1 }, new Uint8Array([0xff])])
      await expect(client.put(item as string)).rejects.toMatchObject({ code: 'UNSUPPORTED', delivered: 'no' })
    expect(hexOf(peer)).toBe(CONN)
    await stop()
  })

  test('submit never chooses an original', async () => {
    const { server } = await serve()
    const { client: old, peer } = await originalClient(server)
    await expect(server.submit('x', { to: old })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    const result = server.submit('x')
    const client = await connect<string, string>(server.address as string)
    open.push(client)
    const working = client.process((item) => `${item}!`)
    expect(await result).toBe('x!')
    expect(hexOf(peer)).toBe(CONN)
    await client.close()
    await working
  })

  test('an item beyond 99,000 bytes is UNSUPPORTED, or goes to others: an original loses such frames', async () => {
    const { client, stop } = await withOriginalServer()
    await client.put('x'.repeat(99_000))
    await expect(client.put('x'.repeat(99_001))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await stop()
  })
})

test('originals and netqueue/1 clients share one port, and all of them work', async () => {
  const { server, codes } = await serve({ chooseDispatch: roundRobin() })
  const olds = await Promise.all([0, 1, 2].map(() => dial(server.address)))
  for (const peer of olds) {
    peer.send(CONN)
    expect((await peer.next()).type).toBe(FRAME.CONN)
  }
  const news = await Promise.all([0, 1, 2].map(() => connect<string, string>(server.address as string)))
  open.push(...news)
  const workers = news.map((client) =>
    client.process(async (item) => {
      await client.put(`${item} by a new one`)
    }),
  )
  const answering = olds.map(async (peer) => {
    for (let next = await peer.next(); next.type === FRAME.ENQUEUE; next = await peer.next())
      peer.send(enqueue(`${next.data.toString()} by an original`))
    peer.end()
  })
  await until(() => server.clients.length === 6 && server.clients.every(({ credit }) => credit > 0))
  const items = Array.from({ length: 200 }, (_, index) => `item ${index}`)
  const putting = server.putAll(items)
  const results = await took(server, 200)
  await putting
  expect(results.map((result) => result.replace(/ by .*/, '')).toSorted()).toEqual(items.toSorted())
  expect(new Set(results.map((result) => result.replace(/.* by /, '')))).toEqual(new Set(['a new one', 'an original']))
  await server.close()
  await Promise.all([...answering, ...workers])
  expect(new Set(codes)).toEqual(new Set(['goodbye']))
})

test("the original's demo: a server at the root, a dispatch node that is ours, and a client below it", async () => {
  const root = await RawServer.listen()
  const upstreamOpening = connect<string, string>(root.address, { protocol: netQueue(), status: '1' })
  const server = await root.accept()
  expect((await server.next()).type).toBe(FRAME.CONN)
  server.send(CONN)
  const upstream = await upstreamOpening
  const { server: node } = await serve({ ready: ({ status: workers }) => Number(workers) > 0 })
  expect((await server.next()).data.toString()).toBe('1')

  const down = (async () => {
    for await (const job of upstream) await node.put(job)
  })()
  const up = (async () => {
    for await (const result of node) await upstream.put(result)
  })()

  const { peer: worker } = await originalClient(node, '2')
  server.send(enqueue('sum 1 2', 'sum 3 4'))
  for (const [job, result] of [
    ['sum 1 2', '3'],
    ['sum 3 4', '7'],
  ] as const) {
    expect((await worker.next()).data.toString()).toBe(job)
    worker.send(status('1'), enqueue(result), status('2'))
    expect((await server.next()).data.toString()).toBe(result)
  }
  worker.send(PING)
  expect((await worker.next()).type).toBe(FRAME.PONG)

  server.send(DISCONN)
  await server.untilEnd()
  server.end()
  await down
  const closing = node.close()
  await worker.untilEnd()
  expect(hexOf(worker).endsWith(DISCONN)).toBe(true)
  worker.send(DISCONN)
  worker.end()
  await closing
  await up
  expect((await upstream.closed).error).toBeUndefined()
  await root[Symbol.asyncDispose]()
})

describe("the original's defects, which are not ours", () => {
  test('a peer that closes without DISCONN is gone, and the others go on', async () => {
    const { server, codes } = await serve()
    const { peer: rude } = await originalClient(server)
    const { peer: good } = await originalClient(server)
    rude.end()
    await until(() => server.clients.length === 1)
    expect(codes).toEqual(['CONNECTION_LOST'])
    good.send(enqueue('still here'))
    expect(await server.get()).toBe('still here')
    await server.put('to whom it may concern')
    expect((await good.next()).data.toString()).toBe('to whom it may concern')
  })

  test('frames split over segments, at any byte, are whole', async () => {
    const { server } = await serve()
    const peer = await dial(server.address)
    for (const byte of Buffer.from(CONN + status('ok') + enqueue('one', 'zwölf') + PING, 'hex')) {
      peer.send(Buffer.of(byte))
      await turn()
    }
    expect(await took(server, 2)).toEqual(['one', 'zwölf'])
    await peer.until(() => hexOf(peer) === CONN + PONG)
  })

  test('large frames come through whole: 1 MB as it is, 8 MB where the limits allow it', async () => {
    for (const [bytes, limits] of [
      [1_000_000, {}],
      [8_000_000, { maxFrameBytes: 2 ** 24, maxItemBytes: 2 ** 24 }],
    ] as const) {
      const { server } = await serve({ limits })
      const { peer } = await originalClient(server)
      const item = 'x'.repeat(bytes - 1) + 'y'
      peer.send(enqueue(item))
      expect((await server.get()) === item).toBe(true)
    }
  })

  test('P7: a frame over the limit is FRAME_TOO_LARGE, and nothing of it is kept', async () => {
    const { server, codes } = await serve()
    const { peer } = await originalClient(server)
    peer.send('007a1202', '0006')
    await peer.untilEnd()
    peer.end()
    await until(() => codes.length > 0)
    expect(codes).toEqual(['FRAME_TOO_LARGE'])
  })

  test('ready(client) decides by the status that an original sent last', async () => {
    const { server } = await serve({ ready: (client) => client.status === 'free' })
    const { peer, client } = await originalClient(server, 'busy')
    expect(server.tryPut('x')).toBe(false)
    peer.send(status('free'))
    await until(() => client.status === 'free')
    await server.put('x')
    peer.send(status('busy'))
    await until(() => client.status === 'busy')
    expect(server.tryPut('y')).toBe(false)
    expect((await peer.next()).data.toString()).toBe('x')
  })

  test('P6: credit is one item while the socket is flushed: an original that does not read holds the server up, not its memory', async () => {
    const { server } = await serve()
    const { peer, client } = await originalClient(server)
    peer.pause()
    const item = 'x'.repeat(90_000)
    let taken = 0
    while (server.tryPut(item)) {
      taken += 1
      expect(client.inFlight).toBe(1)
      for (let turns = 0; turns < 50 && client.inFlight > 0; turns += 1) await turn()
    }
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(500)
    const more = server.put(item)
    peer.resume()
    await more
    let received = 0
    while (received < taken + 1) received += (await peer.next()).data.byteLength === 90_000 ? 1 : 0
  })

  test('flushed is settled: the server is idle without an answer, and nothing is delivered twice', async () => {
    const { server, codes } = await serve()
    const { peer } = await originalClient(server)
    await server.put('once')
    await server.idle()
    expect((await peer.next()).data.toString()).toBe('once')
    peer.cut()
    await until(() => codes.length > 0)
    expect(server.backlog).toBe(0)
  })

  test('P2: what came before DISCONN can still be read: at a server, and at a client', async () => {
    const { server } = await serve()
    const { peer } = await originalClient(server)
    const reading = server.poll()
    peer.send(enqueue('1'), enqueue('2', '3'), enqueue('4'), enqueue('5'), DISCONN)
    await peer.untilEnd()
    await reading
    expect(server.getAll()).toEqual(['1', '2', '3', '4', '5'])

    const { client, peer: upstream, stop } = await withOriginalServer()
    const polling = client.poll()
    upstream.send(enqueue('1'), enqueue('2', '3'), DISCONN)
    await polling
    await upstream.untilEnd()
    upstream.end()
    await client.closed
    expect(client.getAll()).toEqual(['1', '2', '3'])
    await stop()
  })

  test('CONN is not enforced: an original that begins with an item is served, both ways', async () => {
    const { server } = await serve()
    const peer = await dial(server.address)
    peer.send(enqueue('first of all'))
    expect(await server.get()).toBe('first of all')
    await server.put('answer')
    expect((await peer.next()).data.toString()).toBe('answer')
    expect(hexOf(peer)).toBe(enqueue('answer'))
  })

  test('nobody is evicted for silence', async () => {
    const clock = new Clock()
    const { server, codes } = await serve({ env: clock })
    const { peer } = await originalClient(server)
    for (let hours = 0; hours < 24; hours += 1) {
      clock.advance(3_600_000)
      await rest()
    }
    expect([codes, hexOf(peer)]).toEqual([[], CONN])
    await server.put('good morning')
    expect((await peer.next()).data.toString()).toBe('good morning')
    peer.send(DISCONN)
    await peer.untilEnd()
    peer.end()
    await until(() => codes.length > 0)
    expect([codes, clock.timers]).toEqual([['goodbye'], 0])
  })

  test('one after the other, many originals come and go on the same descriptors', async () => {
    const { server, codes } = await serve()
    for (let number = 1; number <= 20; number += 1) {
      const { peer } = await originalClient(server)
      peer.send(enqueue(`${number}`), DISCONN)
      await peer.untilEnd()
      peer.end()
      expect(await server.get()).toBe(`${number}`)
      await until(() => codes.length === number)
    }
    expect(server.clients).toEqual([])
  })

  test('P7: an original that floods is INBOX_OVERFLOW: it cannot be asked to wait, and reading never pauses', async () => {
    const { server, codes } = await serve({ prefetch: 100, limits: { maxUnsettled: 100 } })
    const { peer } = await originalClient(server)
    const { peer: good } = await originalClient(server)
    peer.send(enqueue(...Array.from({ length: 101 }, String)))
    await peer.untilEnd()
    peer.end()
    await until(() => codes.includes('INBOX_OVERFLOW'))
    expect(hexOf(peer)).toBe(CONN + DISCONN)
    good.send(enqueue('fine'))
    expect(await server.get()).toBe('fine')
  })

  test('a netqueue/1 peer that falls back to the frames of an original is UNEXPECTED_FRAME', async () => {
    const { server, codes } = await serve({ item: text(), result: text() })
    const errors: NetQueueError[] = []
    server.on('disconnect', ({ error }) => error !== undefined && errors.push(error))
    const peer = await dial(server.address)
    await introduce(peer)
    peer.send(enqueue('x'))
    await peer.untilEnd()
    peer.end()
    await until(() => codes.length > 0)
    expect(codes).toEqual(['UNEXPECTED_FRAME'])
    expect(errors[0]?.message).toBe('The peer sent a frame of type 6 (ENQUEUE) where it has no place')
  })
})
