import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { connect, text } from '../src/index.ts'
import type { Client, ClientOptions } from '../src/index.ts'
import { batch, binary, ending, hears, ID, messages, NIL, RECORD, TABLE, times } from './support/attackers.ts'
import type { Talked } from './support/attackers.ts'
import { heldBytes } from './support/memory.ts'
import { Clock, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawServer, welcome } from './support/raw-peer.ts'
import type { RawPeer } from './support/raw-peer.ts'
import { bytes } from './support/records.ts'

const { request, response, refusal, message, chunk, credit, end, endRequests, cancel } = RECORD
const HUGE = Number.MAX_SAFE_INTEGER

let evil: RawServer
let clock: Clock
const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)

beforeEach(async () => {
  evil = await RawServer.listen()
  clock = new Clock()
  unhandled.length = 0
  process.on('unhandledRejection', note)
})

afterEach(async () => {
  await evil[Symbol.asyncDispose]()
  await rest()
  process.off('unhandledRejection', note)
  assert.deepEqual([unhandled, clock.timers], [[], 0], 'Expected no rejection that nobody handled, and no timer')
})

/** A server's introduction. */
const greeting = (announced: unknown = TABLE): string =>
  frame(FRAME.CONN, hello('evil')) +
  frame(
    FRAME.WELCOME,
    welcome('evil', {
      session: 's',
      you: { id: 'victim' },
      limits: { frameBytes: 65_536, itemBytes: 1_048_576, unsettled: 1_024 },
      messages: announced,
    }),
  )

type Victim = Client<string, string, Talked>

/** A client, and the server that it is at the mercy of. */
async function fall(options: ClientOptions<string, string, Talked> = {}): Promise<{ client: Victim; peer: RawPeer }> {
  const shared = { item: text(), result: text(), id: 'victim', messages, env: clock, reconnect: false } as const
  const connecting = connect<string, string, Talked>(evil.address, { ...shared, ...options })
  const peer = await evil.accept()
  await peer.next()
  peer.send(greeting())
  const client = await connecting
  await peer.next()
  return { client, peer }
}

describe('12 to 18: what a server must not say ends the connection, and all that waits on it', () => {
  test.each<[string, string, Uint8Array[]]>([
    ['an answer to what was never asked', 'BAD_MESSAGE', [response(3)]],
    ['two answers to one request', 'BAD_MESSAGE', [response(1, { flags: 2 }), response(1)]],
    ['a refusal behind an answer', 'BAD_MESSAGE', [response(1, { flags: 2 }), refusal(1, 'NO')]],
    ['an answer that failed and streams', 'BAD_MESSAGE', [bytes(21, 1, 6, 0, 0)]],
    ['a chunk before the answer', 'BAD_MESSAGE', [chunk(1, 'reply')]],
    ['an end before the answer', 'BAD_MESSAGE', [end(1, 'reply')]],
    ['a chunk beyond the credit', 'CREDIT_EXCEEDED', [response(1, { flags: 2 }), times(257, chunk(1, 'reply'))]],
    ['credit for a body that there is not', 'BAD_MESSAGE', [credit(1, 'body', 1)]],
    ['a chunk of a body of what it never asked', 'BAD_MESSAGE', [chunk(1, 'body')]],
    ['a CANCEL of what it never asked', 'BAD_MESSAGE', [cancel(1)]],
    ['a request behind its last one', 'BAD_MESSAGE', [endRequests(), request(1, ID['any:echo'])]],
    ['a request by an id that it has not announced', 'BAD_MESSAGE', [request(1, 40_000)]],
    ['a message by an id that it has not announced', 'BAD_MESSAGE', [message(40_000)]],
    ['10,000 requests at once', 'RATE_EXCEEDED', [times(10_000, (n) => request(n + 1, ID['any:never']))]],
    [
      '2,000 messages that cannot be decoded',
      'RATE_EXCEEDED',
      [times(2_000, message(ID['news:any'], { payload: bytes(0xc1) }))],
    ],
  ])('%s: %s', async (_, code, records) => {
    const { client, peer } = await fall()
    client.handle('any:never', () => new Promise(() => {}))
    client.on('news:any', () => {})
    const asked = failureOf(client.request('any:echo', 1))
    const chunks = client.stream('any:count', 1)
    const read = failureOf(chunks.next())
    const news = client.messages('news:text').next()
    await hears(peer, 'request', 2)
    peer.send(batch(...records))
    expect(await ending(peer)).toMatchObject({ code })
    peer.end()
    expect(await asked).toMatchObject({ delivered: 'maybe' })
    expect(await read).toMatchObject({ code, delivered: 'maybe' })
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
    expect(await failureOf(client.request('any:echo', 1))).toMatchObject({ code })
    expect(await news).toEqual({ done: true, value: undefined })
    await client.closed
  })
})

describe('P11: a server that says nothing', () => {
  test('to requests: TIMEOUT for each, those that wait for room too, and no more memory than for what may wait', async () => {
    const { client, peer } = await fall({ limits: { maxWaiting: 1_000 } })
    const all = Array.from({ length: 1_300 }, () => failureOf(client.request('any:echo', 'x', { timeout: 1_000 })))
    await hears(peer, 'request', 256)
    clock.advance(1_100)
    const codes = (await Promise.all(all)).map((error) => error as { code: string; delivered: string })
    const count = (code: string, delivered: string): number =>
      codes.filter((error) => error.code === code && error.delivered === delivered).length
    expect([count('TIMEOUT', 'maybe'), count('TIMEOUT', 'no'), count('QUEUE_FULL', 'no')]).toEqual([256, 1_000, 44])
    // What it has counts as open until it says that it is over.
    const next = failureOf(client.request('any:echo', 'x', { timeout: 1_000 }))
    await rest()
    clock.advance(1_100)
    expect(await next).toMatchObject({ code: 'TIMEOUT', delivered: 'no' })
    await leave(client)
  })

  test('behind the announcement of a stream, to a body, and to the end of requests: close() ends all of them', async () => {
    const { client, peer } = await fall()
    let isLeft = false
    async function* body(): AsyncGenerator<number> {
      try {
        for (let n = 0; ; n += 1) yield n
      } finally {
        isLeft = true
      }
    }
    const { stream } = await answeredBy(peer, 1, client.call('any:count', 1))
    const chunk = failureOf(Promise.resolve(stream?.next()))
    const asked = failureOf(client.request('any:read', 1, { body: body() }))
    await hears(peer, 'request')
    peer.send(batch(credit(2, 'body', 1)))
    const ended = failureOf(client.endRequests())
    await hears(peer, 'chunk')
    await leave(client)
    // The peer does not answer the goodbye.
    const lost = { code: 'CONNECTION_LOST', delivered: 'maybe' }
    expect([await chunk, await asked]).toMatchObject([lost, lost])
    expect([await ended, isLeft]).toEqual([undefined, true])
  })

  test('at all, and reads nothing: sends wait up to maxUnsentMessages, then QUEUE_FULL, and close() ends what waits', async () => {
    const { client, peer } = await fall({ limits: { maxUnsentMessages: 10 } })
    peer.pause()
    const payload = 'x'.repeat(500_000)
    let sent = 0
    let failure: unknown
    for (; failure === undefined && sent < 100; sent += 1) {
      const sending = failureOf(client.send('news:any', payload, { timeout: 1_000 }))
      await rest()
      clock.advance(1_100)
      failure = await sending
    }
    expect(failure).toMatchObject({ code: 'QUEUE_FULL', delivered: 'no' })
    expect(sent).toBeGreaterThan(2)
    expect(sent).toBeLessThan(40)
    const waits = failureOf(client.send('news:any', payload))
    await leave(client)
    expect(await waits).toMatchObject({ delivered: 'no' })
  })
})

/** An announcement of a stream answers a request. */
async function answeredBy<T>(peer: RawPeer, tag: number, asked: Promise<T>): Promise<T> {
  await hears(peer, 'request')
  peer.send(batch(response(tag, { flags: 2 })))
  return asked
}

/** Closes, as time passes. */
async function leave(client: Victim): Promise<void> {
  const state = { isClosed: false }
  void client.close({ timeout: 1_000 }).finally(() => (state.isClosed = true))
  for (let rounds = 0; rounds < 50 && !state.isClosed; rounds += 1) {
    await rest()
    clock.advance(500)
  }
  assert(state.isClosed, 'Expected close() to come to an end')
}

test('P7: a server that asks 256 times for what never ends, and streams and tells without end, has a client hold no more than it takes', async () => {
  const { client, peer } = await fall()
  const loop = client.messages('news:any')
  client.handle('any:never', () => new Promise(() => {}))
  const { stream } = await answeredBy(peer, 1, client.call('any:count', 1))
  const first = stream?.next()
  await hears(peer, 'chunkCredit')
  const before = heldBytes()
  peer.send(batch(times(256, (n) => request(n + 1, ID['any:never'], { channel: n }))))
  peer.send(batch(times(256, chunk(1, 'reply', binary(50)))))
  for (let frames = 0; frames < 50; frames += 1) peer.send(batch(times(200, message(ID['news:any'], { payload: NIL }))))
  peer.send(batch(bytes(12, 1)))
  await hears(peer, 'pong')
  expect(heldBytes() - before).toBeLessThan(2_000_000)
  expect(loop.dropped).toBe(10_000 - 1_024)
  await first
  await leave(client)
})

test.each<[string, unknown, string]>([
  ['a message that is none', { a: 16 }, 'BAD_MESSAGE'],
  ['a message that differs', { 'any:echo': [16] }, 'MESSAGES_MISMATCH'],
  [
    'thousands of messages',
    Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`m${n}`, [16 + n]])),
    'FRAME_TOO_LARGE',
  ],
])('29: an introduction with %s: connect() rejects', async (_, announced, code) => {
  const connecting = failureOf(connect(evil.address, { item: text(), result: text(), messages, env: clock }))
  const peer = await evil.accept()
  peer.send(greeting(announced))
  expect(await connecting).toMatchObject({ code: expect.any(String) as string })
  expect(await ending(peer)).toMatchObject({ code })
  peer.end()
  await rest()
  clock.advance(2_000)
  await rest()
})

test('credit that a server gives a body beyond all bounds takes no more of it than the connection does', async () => {
  const { client, peer } = await fall()
  let taken = 0
  async function* body(): AsyncGenerator<string> {
    for (;;) {
      taken += 1
      yield 'x'.repeat(10_000)
    }
  }
  const asked = failureOf(client.request('any:read', 1, { body: body() }))
  await hears(peer, 'request')
  peer.pause()
  peer.send(batch(credit(1, 'body', HUGE), credit(1, 'body', HUGE), credit(1, 'body', 0)))
  let last = -1
  for (let quiet = 0; quiet < 5; quiet = taken === last ? quiet + 1 : 0) {
    last = taken
    await rest()
  }
  expect(taken).toBeLessThan(2_000)
  peer.cut()
  expect(await asked).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
})
