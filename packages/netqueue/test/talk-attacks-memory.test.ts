import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { batch, binary, ending, hears, ID, NIL, RECORD, Siege, TABLE, times } from './support/attackers.ts'
import { steady } from './support/handles.ts'
import { heldBytes } from './support/memory.ts'
import { rest, until } from './support/nodes.ts'
import { frame, FRAME, hello, welcome } from './support/raw-peer.ts'
import type { RawPeer } from './support/raw-peer.ts'
import { bytes, varint } from './support/records.ts'

const { request, response, message, chunk, credit, piece, headers } = RECORD
const HUGE = Number.MAX_SAFE_INTEGER
const MB = 1_000_000

let siege: Siege

beforeAll(async () => {
  siege = await Siege.lay()
  await siege.goesOn() // what is compiled and cached on first use is no leak
})

afterAll(async () => {
  await siege[Symbol.asyncDispose]()
})

/** Bytes that are held behind an attack, beyond those before it. */
async function heldBy(attack: () => Promise<void>): Promise<number> {
  const settled = async (): Promise<number> => {
    for (let rounds = 0; rounds < 10; rounds += 1) await rest()
    return heldBytes()
  }
  const before = await settled()
  await attack()
  return (await settled()) - before
}

/** What was sent has been taken: its answer shows it. */
async function isTaken(peer: RawPeer): Promise<void> {
  peer.send(batch(bytes(12, varint(4_711))))
  for (;;) if ((await hears(peer, 'pong')).some(({ token }) => token === 4_711)) return
}

describe('P7: messages for a subscriber that does not read', () => {
  /** 50,000 empty maps, each of which takes 56 times its byte when it is decoded. */
  const maps = bytes(0xdd, [0, 0, 50_000 >> 8, 50_000 & 0xff], Buffer.alloc(50_000, 0x80))
  const more = headers(...Array.from({ length: 64 }, (_, n) => [`h${n}`, 'x'.repeat(118)] as [string, string]))

  test.each<[string, number, Uint8Array]>([
    ['100,000 short ones', 100_000, message(ID['news:any'])],
    ['3,000 with 8 KB of headers', 3_000, message(ID['news:any'], { flags: 1, more })],
    ['500 of 60,000 bytes', 500, message(ID['news:any'], { payload: binary(60_000) })],
    ['500 of 50,000 empty maps', 500, message(ID['news:any'], { payload: maps })],
  ])('%s: what waits stays below maxUnreadBytes and what surrounds it', async (_, count, one) => {
    const peer = await siege.attacker()
    const loop = siege.server.messages('news:any')
    const held = await heldBy(async () => {
      const perFrame = Math.floor(60_000 / one.byteLength) || 1
      for (let sent = 0; sent < count; sent += perFrame) {
        peer.send(batch(times(perFrame, one)))
        if (sent % (perFrame * 20) === 0) await siege.goesOn()
      }
      await isTaken(peer)
    })
    expect(loop.dropped).toBeGreaterThan(0)
    expect(held).toBeLessThan(14 * MB)
    await loop.return?.()
    await siege.lift()
  })
})

test('P7: messages of a byte that wait keep nothing of the 8 KiB that came between them', async () => {
  const peer = await siege.attacker()
  const loop = siege.server.messages('news:any', { capacity: 5_000, drop: 'newest' })
  const between = message(ID['news:text'], { payload: binary(2_000) })
  const held = await heldBy(async () => {
    for (let sent = 0; sent < 5_000; sent += 5) {
      peer.send(batch(times(5, () => bytes(message(ID['news:any']), between, between, between, between))))
      if (sent % 200 === 0) await siege.goesOn()
    }
    await isTaken(peer)
  })
  expect(loop.dropped).toBe(0)
  expect(held).toBeLessThan(8 * MB)
  await loop.return?.()
  await siege.lift()
})

describe('P7: peers that do not read', () => {
  test('18: a streamed reply with endless credit stops when the connection takes no more', async () => {
    const peer = await siege.attacker()
    peer.pause()
    const held = await heldBy(async () => {
      peer.send(batch(times(200, (n) => bytes(request(n + 1, ID['any:count']), credit(n + 1, 'reply', HUGE)))))
      await siege.goesOn()
      await steady(() => siege.produced)
    })
    expect(held).toBeLessThan(20 * MB)
    await siege.lift()
    const { produced } = siege
    await siege.goesOn()
    expect(siege.produced).toBe(produced)
  })

  test('15: answers to 256 requests wait, and no more: then the peer is refused and sent away', async () => {
    const peer = await siege.attacker()
    peer.pause()
    const payload = binary(20_000)
    let tag = 0
    const ask = (count: number): string => batch(times(count, () => request((tag += 1), ID['any:echo'], { payload })))
    const held = await heldBy(async () => {
      for (let sent = 0; sent < 1_200; sent += 3) peer.send(ask(3))
      await siege.goesOn()
    })
    expect(held).toBeLessThan(256 * 20_000 + 8 * MB)
    while (siege.server.clients.length === 2) {
      peer.send(ask(3))
      await siege.goesOn()
    }
    expect(siege.losses.at(-1)).toMatchObject({ code: 'RATE_EXCEEDED', limit: 'maxRefusals' })
    await siege.lift()
  })

  test('a body of ours is not read ahead of its credit, and with endless credit no further than the connection', async () => {
    const peer = await siege.attacker()
    const client = siege.server.clients.find(({ id }) => id === 'bad')
    let taken = 0
    async function* body(): AsyncGenerator<Uint8Array> {
      for (;;) {
        taken += 1
        yield new Uint8Array(10_000)
      }
    }
    const asked = siege.server.request('any:echo', 1, { to: client, body: body() }).catch((error: unknown) => error)
    const [{ tag } = { tag: 0 }] = await hears(peer, 'request')
    await siege.goesOn()
    expect(taken).toBe(0)
    peer.pause()
    const held = await heldBy(async () => {
      peer.send(batch(credit(tag, 'body', HUGE)))
      await siege.goesOn()
      await steady(() => taken)
    })
    expect(held).toBeLessThan(20 * MB)
    await siege.lift()
    expect(await asked).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
  })

  test('a streamed answer to a request of ours that nobody reads has no credit, and what comes all the same ends it', async () => {
    const peer = await siege.attacker()
    const client = siege.server.clients.find(({ id }) => id === 'bad')
    const call = siege.server.call('any:echo', 1, { to: client })
    const [{ tag } = { tag: 0 }] = await hears(peer, 'request')
    peer.send(batch(response(tag, { flags: 2 })))
    const { stream } = await call
    peer.send(batch(chunk(tag, 'reply')))
    expect(await siege.while(ending(peer))).toMatchObject({ code: 'CREDIT_EXCEEDED', limit: 'maxStreamChunks' })
    await expect(stream?.next()).rejects.toMatchObject({ code: 'CREDIT_EXCEEDED' })
    await siege.lift()
  })

  test('6: 50 of them with four long records each that never end hold no more than came of them', async () => {
    const part = (lane: number): Uint8Array =>
      piece(
        lane,
        1,
        request(lane, ID['any:echo'], { channel: lane - 3, payload: binary(2_000) }).subarray(0, 1_500),
        MB,
      )
    const held = await heldBy(async () => {
      const peers = await Promise.all(Array.from({ length: 50 }, (_, n) => siege.attacker(`bad-${n}`)))
      for (const peer of peers) {
        peer.send(batch(...[3, 4, 5, 6].map(part)))
        await isTaken(peer)
      }
    })
    expect(held).toBeLessThan(50 * 100_000)
    await siege.lift()
  })
})

describe('P7, P8: peers that come and go', () => {
  /** So many connections, each with 20 streams out, 20 bodies that stall, 20 handlers at work and half a record. */
  async function storm(count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const peer = await siege.attacker(`storm-${index}`)
        const each = (n: number): Uint8Array =>
          bytes(
            request(n * 3 + 1, ID['any:count'], { channel: n }),
            credit(n * 3 + 1, 'reply', 2),
            request(n * 3 + 2, ID['any:read'], { channel: n, flags: 2 }),
            request(n * 3 + 3, ID['any:heed'], { channel: n }),
          )
        peer.send(batch(times(20, each), message(ID['news:any'])))
        await rest()
      }),
    )
    await siege.lift()
  }

  test('200 connections with 60 open requests each leave nothing behind, and all signals have fired', async () => {
    await storm(50)
    const held = await heldBy(async () => {
      for (let rounds = 0; rounds < 3; rounds += 1) {
        await storm(50)
        await siege.goesOn()
      }
    })
    expect(held).toBeLessThan(MB)
    expect(siege.stopped).toBe(200 * 20)
  })

  test('a handler that never returns has as many at work as `concurrency` allows, whoever connects anew; the rest wait and are forgotten', async () => {
    await using other = await Siege.lay()
    let begun = 0
    const release: (() => void)[] = []
    other.server.handle(
      'any:slow',
      async () => {
        begun += 1
        await new Promise<void>((resolve) => release.push(resolve))
      },
      { concurrency: 4 },
    )
    const come = async (): Promise<void> => {
      const peers = await Promise.all(Array.from({ length: 20 }, (_, n) => other.attacker(`bad-${n}`)))
      for (const peer of peers) {
        peer.send(batch(times(200, (n) => request(n + 1, ID['any:slow'], { channel: n }))))
        await isTaken(peer)
      }
      await other.lift()
    }
    await come()
    const held = await heldBy(async () => {
      for (let rounds = 0; rounds < 4; rounds += 1) await come()
    })
    expect([begun, held < MB]).toEqual([4, true])
    const mine = other.good.request('any:slow', 1)
    for (const end of release.splice(0)) end()
    await until(() => begun === 5)
    for (const end of release.splice(0)) end()
    await mine
  })
})

test('8, 14: nothing that is sent behind the record that ends a connection is looked at', async () => {
  const peer = await siege.attacker()
  const { length } = siege.begun
  peer.send(
    batch(
      request(1, 40_000),
      times(1_000, (n) => request(n + 2, ID['any:never'])),
    ),
    batch(NIL),
  )
  expect(await siege.while(ending(peer))).toMatchObject({ code: 'BAD_MESSAGE' })
  expect(siege.begun.length).toBe(length)
  await siege.lift()
})

/** Sends what it is given, and reads so many bytes as fast as they come, on a thread of its own. */
const READER = `
  const { workerData: { port, hex, bytes } } = require('node:worker_threads')
  const socket = require('node:net').connect(port, '127.0.0.1', () => socket.write(Buffer.from(hex, 'hex')))
  let read = 0
  socket.on('error', () => {})
  socket.on('data', ({ length }) => { if ((read += length) > bytes) socket.destroy() })
`

test('18: P8: a stream without end, for a reader that is as quick as the stream, leaves the others their turns', async () => {
  const hex =
    frame(FRAME.CONN, hello('quick')) +
    frame(FRAME.WELCOME, welcome('quick', { messages: TABLE })) +
    batch(times(10, (n) => bytes(request(n + 1, ID['any:count']), credit(n + 1, 'reply', HUGE))))
  const port = Number(new URL(siege.server.address ?? '').port)
  const worker = new Worker(READER, { eval: true, workerData: { port, hex, bytes: 5 * MB } })
  const state = { isOver: false, rounds: 0 }
  worker.once('exit', () => (state.isOver = true))
  await once(worker, 'online') // which takes longer than many turns
  await until(() => siege.server.clients.length === 2)
  for (; !state.isOver; state.rounds += 1) await siege.goesOn()
  expect(state.rounds).toBeGreaterThan(2)
  await siege.lift()
})
