import { afterEach, describe, expect, test, vi } from 'vitest'

import { tcp } from '../src/index.ts'
import type { ByteDuplex, Bytes } from '../src/index.ts'
import { Cable } from './support/cable.ts'
import type { Way } from './support/cable.ts'
import { expectHandles, handles } from './support/handles.ts'
import { rest, until } from './support/nodes.ts'
import { comeBack, connected, converse, dispose, lengths, SEEN, sorted } from './support/resuming.ts'
import type { Seen, Setup } from './support/resuming.ts'

afterEach(dispose)

// Each of them is hundreds of conversations.
vi.setConfig({ testTimeout: 60_000 })

const WAYS: Way[] = ['up', 'down']

/** What became of a conversation, and of the session in which it was held. */
function account({ warnings, client, events }: Setup, seen: Seen): unknown {
  const connects = events.filter((event) => event === 'connect').length
  return { ...sorted(seen), warned: [...warnings, ...client.warnings], events: [...new Set(events)], connects }
}

/** Nothing was lost, and nothing came twice, in one session that was suspended. */
const WHOLE = { ...sorted(SEEN), warned: [], events: ['connect', 'suspend CONNECTION_LOST', 'resume'], connects: 1 }
/** The same, where connections were cut in the middle of their introductions: of these a server warns. */
const WHOLE_BUT_WARNED = { ...WHOLE, warned: expect.any(Array) as unknown }

describe('P2: a connection that is cut within resumeTimeoutMs loses and repeats nothing', () => {
  test.each(WAYS)('at every byte of a conversation, on its way %s', async (way) => {
    const total = (await lengths())[way]
    expect(total).toBeGreaterThan(200)
    for (let at = 0; at < total; at += 1) {
      const setup = await connected()
      comeBack(setup)
      setup.cable.limit(way, at)
      expect(account(setup, await converse(setup))).toEqual(WHOLE)
      expect(setup.events).toHaveLength(3)
      await dispose()
    }
  })

  test.each(WAYS)('fault 25: nor where the server has not noticed: at every byte on its way %s', async (way) => {
    const total = (await lengths())[way]
    for (let at = 0; at < total; at += 1) {
      const setup = await connected()
      comeBack(setup)
      setup.cable.hideFromServer()
      setup.cable.limit(way, at)
      expect(account(setup, await converse(setup))).toEqual(WHOLE)
      await dispose()
    }
  })

  test.each([
    ['up', false],
    ['down', false],
    ['up', true],
    ['down', true],
  ] as const)(
    'nor where coming back is cut, too: at every third byte on its way %s, unnoticed: %s',
    async (way, isHidden) => {
      let tried = 0
      for (let isCut = true; isCut; tried += 3) {
        const setup = await connected()
        const cables: Cable[] = []
        comeBack(setup, (count) => {
          const cable = new Cable(count === 1 ? { [way]: tried } : {})
          if (isHidden) cable.hideFromServer()
          cables.push(cable)
          return cable
        })
        setup.cable.limit('down', 150)
        const seen = await converse(setup)
        expect(account(setup, seen)).toEqual(WHOLE_BUT_WARNED)
        expect(setup.warnings.length).toBeLessThanOrEqual(1)
        isCut = cables.length > 1
        await dispose()
      }
      // The introduction, and a good part of what comes behind it.
      expect(tried).toBeGreaterThan(500)
    },
  )

  test('nor where no connection carries more than a little, over and over', async () => {
    for (const bytes of [640, 700, 800, 901, 1_003]) {
      const setup = await connected()
      comeBack(setup, (count) => new Cable(count % 2 === 0 ? { up: bytes } : { down: bytes }))
      setup.cable.limit('up', 40)
      expect(account(setup, await converse(setup))).toEqual(WHOLE)
      await dispose()
    }
  })

  test.each(WAYS)('nor in the middle of what travels in pieces, on its way %s', async (way) => {
    const size = 70_000
    const total = (await lengths(size))[way]
    expect(total).toBeGreaterThan(10 * size)
    for (let at = 0; at < total; at += 40_009) {
      const setup = await connected()
      comeBack(setup, () => new Cable({ [way]: 300_000 + at }))
      setup.cable.limit(way, at)
      expect(account(setup, await converse(setup, size))).toEqual(WHOLE)
      await dispose()
    }
  })

  test('P7: nor where little is kept: what is long waits for its ACKs', async () => {
    for (const at of [100, 30_000, 61_440, 100_000, 400_000]) {
      const setup = await connected({ limits: { maxReplayBytes: 1_000 } })
      comeBack(setup)
      setup.cable.limit('down', at)
      // What is due for its time alone comes with the time.
      const ticking = setInterval(() => setup.clock.advance(30), 1)
      expect(account(setup, await converse(setup, 70_000))).toEqual(WHOLE)
      clearInterval(ticking)
      await dispose()
    }
  })
})

/** A duplex that is reset when so many bytes were read, or when so many were written. */
function fragile(inner: ByteDuplex, way: Way, bytes: number): ByteDuplex {
  let left = bytes
  const count = (piece: Bytes): void => {
    left -= piece.byteLength
    if (left <= 0) inner.abort?.(new Error('the cable was pulled'))
  }
  async function* counted(pieces: AsyncIterable<Bytes> | Iterable<Bytes>): AsyncGenerator<Bytes> {
    for await (const piece of pieces) {
      count(piece)
      yield piece
    }
  }
  return {
    ...inner,
    source: way === 'down' ? counted(inner.source) : inner.source,
    sink: way === 'up' ? (pieces) => inner.sink(counted(pieces)) : inner.sink,
  }
}

/** A listener whose connections go to the server of the moment, and how to get one that is fragile. */
async function overTcp(): Promise<{
  serve: (setup: Setup, way: Way, bytes: number) => void
  close: () => Promise<void>
}> {
  const listener = await tcp().listen('tcp://127.0.0.1:0')
  let current: Setup | undefined
  const accepting = (async () => {
    for await (const duplex of listener) current?.server.accept(duplex).catch(() => {})
  })()
  const dial = async ({ client }: Setup, way: Way, bytes: number): Promise<void> => {
    const duplex = await tcp().connect(listener.address)
    client.connect(fragile(duplex, way, bytes))
  }
  return {
    serve: (setup, way, bytes) => {
      current = setup
      const limits = [bytes, bytes]
      setup.client.lost = () => void dial(setup, way, limits.shift() ?? Number.POSITIVE_INFINITY)
    },
    close: async () => {
      await listener.close()
      await accepting
    },
  }
}

test.each(WAYS)('P2: over TCP, too: resets on its way %s lose and repeat nothing', async (way) => {
  const before = handles()
  const { serve, close } = await overTcp()
  for (const bytes of [700, 20_000, 61_440, 123_456, 400_000]) {
    const setup = await connected()
    serve(setup, way, bytes)
    setup.cable.limit(way, 50)
    expect(account(setup, await converse(setup, 70_000))).toEqual(WHOLE_BUT_WARNED)
    await dispose()
  }
  await close()
  await expectHandles(before)
})

test('when all is quiet, nothing is kept: whoever comes back then has nothing to hear again', async () => {
  const setup = await connected()
  const cable = new Cable()
  comeBack(setup, () => cable)
  await converse(setup)
  // Whatever is left is acknowledged for its time; ACKs are not.
  for (let count = 0; count < 3; count += 1) {
    setup.clock.advance(30)
    await rest()
  }
  setup.cable.cut()
  await until(() => setup.events.includes('resume'))
  await rest()
  // The server measures the time to the client and back anew.
  expect(cable.frames('up')).toEqual(['CONN', 'WELCOME', 'ACK', 'BATCH'])
  expect(cable.frames('down')).toEqual(['CONN', 'WELCOME', 'BATCH'])
})
