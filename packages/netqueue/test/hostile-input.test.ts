import { randomFillSync } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { connect, listen, text } from '../src/index.ts'
import type { Client, NetQueueError, Server } from '../src/index.ts'
import { attacked } from './support/attacked.ts'
import { heldBytes } from './support/memory.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { frame, FRAME, hello, introduce, RawPeer, welcome } from './support/raw-peer.ts'

let server: Server<string, string>
let good: Client<string, string>
let working: Promise<void>
const errors: NetQueueError[] = []
const peers: RawPeer[] = []

/** One server for all that follows, and one good client that must not notice any of it. */
beforeAll(async () => {
  const { address, transports } = attacked
  server = await listen<string, string>(address, { item: text(), result: text(), transports })
  server.on('warning', ({ error }) => errors.push(error))
  server.on('disconnect', ({ error }) => error !== undefined && errors.push(error))
  const codecs = { item: text(), result: text() }
  good = await connect<string, string>(server.address as string, { ...codecs, id: 'good', transports })
  working = good.process((item) => `${item}!`)
})

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut()
  await until(() => server.clients.length === 1)
  errors.length = 0
})

afterAll(async () => {
  await good.close()
  await working
  await server.close()
})

async function dial(): Promise<RawPeer> {
  const peer = await RawPeer.dial(server.address)
  peers.push(peer)
  return peer
}

/** The stream as it ends: the types of its frames, and the error that the last one tells. */
async function ending(peer: RawPeer): Promise<unknown> {
  const last = (await peer.untilEnd()).at(-1)
  return last?.type === FRAME.ERROR ? (JSON.parse(last.data.toString()) as unknown) : last?.type
}

/** The good client does its work while the other one has its say. */
async function meanwhile<T>(hostile: Promise<T>): Promise<T> {
  const state = { isOver: false }
  const ended = hostile.finally(() => (state.isOver = true))
  do {
    const items = Array.from({ length: 20 }, (_, index) => `${index}`)
    const results = await Promise.all(items.map((item) => server.submit(item)))
    expect(results).toEqual(items.map((item) => `${item}!`))
  } while (!state.isOver)
  return ended
}

const HELLO = frame(FRAME.CONN, hello('bad'))
const batch = (...bytes: number[]): string => frame(FRAME.BATCH, Buffer.of(...bytes))

interface Case {
  name: string
  hex: string
  code: string
  limit?: string
}

const before: Case[] = [
  { name: 'length 0', hex: '00000000', code: 'FRAME_TOO_SHORT' },
  { name: 'length 1', hex: '0000000100', code: 'FRAME_TOO_SHORT' },
  { name: 'the longest introduction + 1, withheld', hex: '00002001', code: 'FRAME_TOO_LARGE', limit: 'maxHelloBytes' },
  { name: 'length 0x7fffffff, withheld', hex: '7fffffff', code: 'FRAME_TOO_LARGE', limit: 'maxHelloBytes' },
  { name: 'length 0x80000000, withheld', hex: '80000000', code: 'FRAME_TOO_LARGE', limit: 'maxHelloBytes' },
  { name: 'length 0xffffffff, withheld', hex: 'ffffffff', code: 'FRAME_TOO_LARGE', limit: 'maxHelloBytes' },
  {
    name: 'an HTTP request',
    hex: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex'),
    code: 'FRAME_TOO_LARGE',
    limit: 'maxHelloBytes',
  },
  { name: 'a TLS ClientHello', hex: '16030100c8010000c40303', code: 'FRAME_TOO_LARGE', limit: 'maxHelloBytes' },
  { name: 'an unknown type', hex: frame(99), code: 'UNKNOWN_TYPE' },
  { name: 'BATCH before HELLO', hex: batch(12, 1), code: 'UNEXPECTED_FRAME' },
  { name: 'HELLO twice', hex: HELLO + HELLO, code: 'UNEXPECTED_FRAME' },
  { name: 'BATCH before WELCOME', hex: HELLO + batch(12, 1), code: 'UNEXPECTED_FRAME' },
  { name: 'a WELCOME of no JSON', hex: HELLO + frame(FRAME.WELCOME, '{'), code: 'BAD_MESSAGE' },
  {
    name: 'a WELCOME with other codecs',
    hex: HELLO + frame(FRAME.WELCOME, welcome('bad', { item: 'xml' })),
    code: 'CODEC_MISMATCH',
    limit: 'item',
  },
  {
    name: "another client's id",
    hex: frame(FRAME.CONN, hello('good')) + frame(FRAME.WELCOME, welcome('good')),
    code: 'ID_IN_USE',
    limit: 'id',
  },
]

const open: Case[] = [
  { name: 'the longest frame + 1, withheld', hex: '00100001', code: 'FRAME_TOO_LARGE', limit: 'maxFrameBytes' },
  { name: 'length 0xffffffff, withheld', hex: 'ffffffff', code: 'FRAME_TOO_LARGE', limit: 'maxFrameBytes' },
  { name: 'an unknown type', hex: frame(99), code: 'UNKNOWN_TYPE' },
  { name: 'an unknown kind', hex: batch(99), code: 'UNKNOWN_TYPE' },
  { name: 'a frame of an original', hex: frame(FRAME.ENQUEUE, 'x'), code: 'UNEXPECTED_FRAME' },
  { name: 'an empty BATCH', hex: batch(), code: 'BAD_MESSAGE' },
  { name: 'items without credit', hex: batch(1, 0, 1, 1, 0, 1, 1, 120), code: 'CREDIT_EXCEEDED' },
  { name: 'a settle of what was not sent', hex: batch(3, 0, 1, 5, 1), code: 'BAD_MESSAGE' },
  {
    name: 'an item of 2^53 - 1 bytes, in name',
    hex: batch(1, 0, 1, 1, 0, 1, 255, 255, 255, 255, 255, 255, 255, 15, 1),
    code: 'BAD_MESSAGE',
  },
  {
    name: 'a record in pieces beyond maxItemBytes',
    hex: batch(10, 1, 1, 255, 255, 255, 127, 1, 1),
    code: 'ITEM_TOO_LARGE',
    limit: 'maxItemBytes',
  },
]

describe('P7, P8: bad input ends its own connection, and no other', () => {
  test.each(before)(
    'before the introduction is over: $name is $code, told and reported',
    async ({ hex, code, limit }) => {
      const peer = await dial()
      peer.send(hex)
      expect(await meanwhile(ending(peer))).toMatchObject({ code, ...(limit !== undefined && { limit }) })
      peer.end()
      await until(() => errors.length > 0)
      expect(errors).toMatchObject([{ code, ...(limit !== undefined && { limit }) }])
    },
  )

  test.each(open)('in the conversation: $name is $code, told and reported', async ({ hex, code, limit }) => {
    const peer = await dial()
    await introduce(peer, 'bad')
    peer.send(hex)
    expect(await meanwhile(ending(peer))).toMatchObject({ code, ...(limit !== undefined && { limit }) })
    peer.end()
    await until(() => errors.length > 0)
    expect(errors).toMatchObject([{ code, ...(limit !== undefined && { limit }) }])
  })

  test('messages of limit errors name limit and value; the protocol that somebody seems to speak is a hint', async () => {
    const peer = await dial()
    peer.send(Buffer.from('GET / HTTP/1.1\r\n'))
    await ending(peer)
    await until(() => errors.length > 0)
    expect(errors[0]?.message).toBe(
      'Expected a frame of at most 8192 bytes (maxHelloBytes), got 1195725856: the peer seems to speak HTTP',
    )
  })

  test('the stream cut at any byte of an introduction, or of a batch, is a lost connection and nothing else', async () => {
    const whole = Buffer.from(HELLO + frame(FRAME.WELCOME, welcome('bad')) + batch(2, 1, 1, 0, 0, 12, 1), 'hex')
    const places = Array.from({ length: Math.ceil(whole.byteLength / 3) }, (_, index) => index * 3)
    const cut = async (at: number): Promise<void> => {
      const peer = await dial()
      peer.send(whole.subarray(0, at))
      peer.end()
      await peer.untilEnd()
    }
    for (const at of places) await cut(at)
    await until(() => errors.length === places.length)
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['CONNECTION_LOST']))
  })

  test('noise of any kind ends in a coded error', async () => {
    const shout = async (kind: number): Promise<unknown> => {
      const peer = await dial()
      const noise = randomFillSync(Buffer.alloc(10_000))
      if (kind % 2 === 0) peer.send(noise)
      else {
        peer.send(HELLO, frame(FRAME.WELCOME, welcome(`bad-${kind}`)))
        noise[0] = 99
        for (let at = 0; at < 5; at += 1) peer.send(frame(FRAME.BATCH, noise.subarray(at * 100, at * 100 + 100)))
      }
      const ended = await ending(peer)
      peer.cut()
      return ended
    }
    const ends = (await meanwhile(Promise.all(Array.from({ length: 40 }, (_, kind) => shout(kind))))) as {
      code: string
    }[]
    for (const { code } of ends)
      expect(code).toMatch(/^(FRAME_TOO_LARGE|FRAME_TOO_SHORT|UNKNOWN_TYPE|BAD_MESSAGE|UNEXPECTED_FRAME)$/)
  })

  test('100 peers that withhold the bodies of their frames, and drip, cost less than their frames', async () => {
    const idle = heldBytes()
    const drips = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const peer = await dial()
        await introduce(peer, `drip-${index}`)
        peer.send('00100000', '0013')
        return peer
      }),
    )
    for (let round = 0; round < 20; round += 1) {
      for (const peer of drips) peer.send(Buffer.alloc(1, 1))
      await rest()
    }
    expect(heldBytes() - idle).toBeLessThan(100 * 100_000)
    expect(await server.submit('still')).toBe('still!')
  })
})

describe('P11: the introduction has a deadline', () => {
  test('it is absolute: whoever drips a byte at a time is told HANDSHAKE_TIMEOUT all the same', async () => {
    const clock = new Clock()
    const { address, transports } = attacked
    const slow = await listen<string, string>(address, { env: clock, transports })
    const warnings: NetQueueError[] = []
    slow.on('warning', ({ error }) => warnings.push(error))
    const peer = await RawPeer.dial(slow.address)
    const bytes = Buffer.from(HELLO, 'hex')
    for (let at = 0; at < 10; at += 1) {
      peer.send(bytes.subarray(at, at + 1))
      await rest()
      clock.advance(499)
      expect(warnings).toEqual([])
    }
    clock.advance(100)
    expect(await ending(peer)).toEqual({ code: 'HANDSHAKE_TIMEOUT', limit: 'handshakeTimeoutMs', value: 5_000 })
    expect(warnings.map(({ code }) => code)).toEqual(['HANDSHAKE_TIMEOUT'])
    peer.end()
    await slow.close()
    expect(clock.timers).toBe(0)
  })

  test('a peer that says nothing at all is told, too', async () => {
    const { address, transports } = attacked
    const quick = await listen(address, { limits: { handshakeTimeoutMs: 20 }, transports })
    const peer = await RawPeer.dial(quick.address)
    expect(await ending(peer)).toMatchObject({ code: 'HANDSHAKE_TIMEOUT', value: 20 })
    peer.end()
    await quick.close()
  })
})
