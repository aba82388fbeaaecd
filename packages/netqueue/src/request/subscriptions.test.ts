import { describe, expect, test } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { NetQueueError } from '../errors/errors.ts'
import { requestLimitDefaults } from './limits.ts'
import { NO_HEADERS } from './reply.ts'
import { Subscriptions } from './subscriptions.ts'

/** Subscriptions, the warnings that they give with whom each is about, and how often a connection was told that it could not be decoded. */
class Place {
  readonly warnings: [error: NetQueueError, from: string | undefined][] = []
  readonly subscriptions: Subscriptions<string> = new Subscriptions<string>({
    limits: requestLimitDefaults,
    warn: (error, from) => void this.warnings.push([error, from]),
  })
  undecodable = 0
  decoded = 0

  /** Whatever has a 1 in the beginning cannot be decoded; of all else the bytes are what it is. */
  deliver(payload: Uint8Array, name = 'news'): void {
    this.subscriptions.deliver(
      {
        name,
        headers: NO_HEADERS,
        from: 'ada',
        bytes: payload.length,
        decode: (bytes) => {
          this.decoded += 1
          if (bytes[0] === 1) throw new NetQueueError('DECODE_FAILED', 'The test wants this to fail')
          return bytes
        },
        undecodable: () => (this.undecodable += 1),
      },
      payload,
    )
  }
}

const good = (length = 1): Uint8Array => new Uint8Array(length)
const bad = Uint8Array.of(1)
/** A piece of memory that other records have most of. */
const shared = (length: number): Uint8Array => new Uint8Array(8_192).subarray(100, 100 + length)

async function payloads(place: Place, loop: AsyncIterable<{ payload: unknown }>): Promise<Uint8Array[]> {
  const read: Uint8Array[] = []
  place.subscriptions.close()
  for await (const { payload } of loop) read.push(payload as Uint8Array)
  return read
}

describe('P7: maxUnreadBytes: what waits for a loop keeps nothing of what it came in', () => {
  test('short pieces share memory of the loop, and it has no more of it than they need', async () => {
    const place = new Place()
    const loop = place.subscriptions.subscribe('news')
    for (let n = 0; n < 1_000; n += 1) place.deliver(shared(1))
    const read = await payloads(place, loop)
    expect(read).toEqual(Array.from({ length: 1_000 }, () => good()))
    expect(new Set(read.map(({ buffer }) => buffer)).size).toBe(1)
  })

  test('nor does it keep what other loops, which are read, had in between', async () => {
    const place = new Place()
    const [slow, quick] = [place.subscriptions.subscribe('news'), place.subscriptions.subscribe('other')]
    for (let n = 0; n < 100; n += 1) {
      place.deliver(shared(1))
      for (const _ of [1, 2, 3, 4]) place.deliver(shared(2_000), 'other')
      for (const _ of [1, 2, 3, 4]) await quick.next()
    }
    const read = await payloads(place, slow)
    expect([read.length, new Set(read.map(({ buffer }) => buffer)).size]).toEqual([100, 1])
  })

  test('long ones have memory of their own, and are not copied where they have', async () => {
    const place = new Place()
    const loop = place.subscriptions.subscribe('news')
    const own = good(10_000)
    place.deliver(own)
    place.deliver(shared(3_000))
    const [first, second] = await payloads(place, loop)
    expect(first?.buffer).toBe(own.buffer)
    expect(second?.buffer.byteLength).toBe(3_000)
  })

  test('nor does it wait as what another loop over the same name has read: each decodes its own', async () => {
    const place = new Place()
    const [one, other] = [place.subscriptions.subscribe('news'), place.subscriptions.subscribe('news')]
    place.deliver(shared(1))
    expect(place.decoded).toBe(0)
    const [[first], [second]] = [await payloads(place, one), await payloads(place, other)]
    expect([first, second]).toEqual([good(), good()])
    expect(first?.buffer).not.toBe(second?.buffer)
  })

  test('whoever waits already, and listeners, have it as it came, decoded once', async () => {
    const place = new Place()
    const heard: unknown[] = []
    for (const _ of [1, 2]) place.subscriptions.on('news', ({ payload }) => heard.push(payload))
    const waiting = place.subscriptions.subscribe('news').next()
    const piece = shared(1)
    place.deliver(piece)
    expect((await waiting).value?.payload).toBe(piece)
    expect(heard[1]).toBe(piece)
    expect(place.decoded).toBe(1)
  })
})

describe('P8: a message that cannot be decoded', () => {
  test.each(['a loop that waits', 'a loop that is busy', 'a listener'])(
    'is charged to its connection once, and reported once: for %s',
    async (whom) => {
      const place = new Place()
      const loops = [1, 2].map(() => place.subscriptions.subscribe('news'))
      if (whom === 'a listener') place.subscriptions.on('news', () => {})
      const reads = whom === 'a loop that waits' ? loops.map((loop) => loop.next()) : []
      place.deliver(bad)
      expect(place.undecodable).toBe(whom === 'a loop that is busy' ? 0 : 1)
      place.deliver(good())
      await Promise.all(reads.length > 0 ? reads : loops.map((loop) => loop.next()))
      expect(place.undecodable).toBe(1)
      expect(place.warnings).toMatchObject([[{ code: 'DECODE_FAILED' }, 'ada']])
    },
  )

  test('that nobody wants is not even looked at', () => {
    const place = new Place()
    place.deliver(bad)
    expect([place.undecodable, place.warnings]).toEqual([0, []])
  })
})

describe('P7: a listener that fails at what a peer said', () => {
  test.each([
    ['throws', ({ payload }: { payload: unknown }) => (payload as { x: { y: number } }).x.y],
    ['rejects', async ({ payload }: { payload: unknown }) => (payload as { x: { y: number } }).x.y],
  ])('disturbs nobody where it %s: HANDLER_FAILED, which names the message and its sender', async (_, listener) => {
    const place = new Place()
    const heard: unknown[] = []
    place.subscriptions.on('news', listener)
    place.subscriptions.on('news', ({ payload }) => heard.push(payload))
    place.deliver(good())
    await turn()
    expect(heard).toEqual([good()])
    const [[error, from] = []] = place.warnings
    expect([error?.code, error?.value, error?.message, from]).toEqual([
      'HANDLER_FAILED',
      'news',
      'A listener of "news" failed',
      'ada',
    ])
    expect(error?.cause).toBeInstanceOf(TypeError)
  })
})
