import { describe, expect, test } from 'vitest'

import { Runner } from '../../test/support/runner.ts'
import { memoryPair } from '../transport/index.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { testDuplex } from './duplex.ts'

type Broken = (duplex: ByteDuplex) => Partial<ByteDuplex>

/** A duplex, of which some is broken. */
function broken(duplex: ByteDuplex, how: Broken): ByteDuplex {
  const { source, sink } = duplex
  return { source, sink, abort: (reason) => duplex.abort?.(reason), ...how(duplex) }
}

const mapped = (source: AsyncIterable<Bytes>, map: (piece: Bytes) => Bytes | undefined): AsyncIterable<Bytes> => ({
  async *[Symbol.asyncIterator]() {
    for await (const piece of source) {
      const given = map(piece)
      if (given !== undefined) yield given
    }
  },
})

async function all(source: Iterable<Bytes> | AsyncIterable<Bytes>): Promise<Bytes[]> {
  const pieces: Bytes[] = []
  for await (const piece of source) pieces.push(piece)
  return pieces
}

const brokenDuplexes: [string, Broken, fails: string][] = [
  [
    'loses a piece',
    ({ source }) => {
      let count = 0
      return { source: mapped(source, (piece) => (++count === 50 ? undefined : piece)) }
    },
    'bytes go both ways at once, in order',
  ],
  [
    'changes a byte',
    ({ source }) => {
      let count = 0
      return { source: mapped(source, (piece) => (++count === 50 ? piece.slice().fill(1) : piece)) }
    },
    '1-byte pieces arrive in order',
  ],
  [
    'gives pieces in another order',
    ({ sink }) => ({
      sink: async (source) => sink((await all(source)).toReversed()),
    }),
    '10 MiB arrive whole',
  ],
  [
    'takes lists for one piece',
    ({ sink }) => ({
      sink: (source) =>
        sink(mapped(source as AsyncIterable<Bytes>, (piece) => (piece instanceof Uint8Array ? piece : undefined))),
    }),
    'a list of pieces arrives as its bytes, and empty pieces as nothing',
  ],
  [
    'has no back-pressure',
    ({ sink }) => ({ sink: async (source) => sink(await all(source)) }),
    'a sink stops pulling while nobody reads, and goes on when someone does',
  ],
  [
    'reads ahead without end',
    ({ source }) => ({
      source: {
        async *[Symbol.asyncIterator]() {
          yield* await all(source)
        },
      },
    }),
    'a slow reader holds back the sink piece by piece',
  ],
  [
    'ends both sides at once',
    ({ sink, abort }) => ({
      sink: async (source) => {
        await sink(source)
        abort?.(new Error('over'))
      },
    }),
    'one side ends, the other still sends',
  ],
  [
    'never ends',
    ({ sink }) => ({
      sink: (source) =>
        sink(
          (async function* () {
            yield* source as AsyncIterable<Bytes>
            await new Promise(() => {})
          })(),
        ),
    }),
    'both sides end without a byte',
  ],
  [
    'gives no reason',
    ({ abort }) => ({ abort: () => abort?.(new Error('other')) }),
    'abort fails both directions here with its reason, at once',
  ],
  ['has an abort that does nothing', () => ({ abort: () => {} }), 'abort is seen by the other side'],
  ['hides an abort while it waits', () => ({ abort: () => {} }), 'abort frees a sink that waits for room'],
  [
    'hides what breaks',
    ({ sink }) => ({ sink: (source) => sink(source).catch(() => {}) }),
    'an abort by the other side frees a sink that waits for room',
  ],
  [
    'keeps a sink that waits for its source',
    ({ sink }) => ({
      sink: (source) =>
        sink(
          (async function* () {
            yield* source as AsyncIterable<Bytes>
          })(),
        ),
    }),
    'a broken connection frees a sink whose source gives nothing, and ends that source',
  ],
  [
    'ends where its source failed',
    ({ sink }) => ({
      sink: (source) =>
        sink(
          (async function* () {
            try {
              yield* source as AsyncIterable<Bytes>
            } catch {}
          })(),
        ),
    }),
    'a sink whose source throws rejects with that error and cuts the connection',
  ],
  [
    'cuts when it is left',
    ({ source, abort }) => {
      const iterator = source[Symbol.asyncIterator]()
      const leave = async (): Promise<IteratorResult<Bytes>> => (
        abort?.(new Error('left')),
        { done: true, value: undefined }
      )
      return { source: { [Symbol.asyncIterator]: () => ({ next: () => iterator.next(), return: leave }) } }
    },
    'return() drops what still arrives, and the other direction lives on',
  ],
  [
    'queues overlapping calls',
    ({ source }) => ({ source: mapped(source, (piece) => piece) }),
    'an overlapping next() rejects with ITERATOR_BUSY',
  ],
  [
    'takes a second sink for nothing',
    ({ sink }) => {
      let isUsed = false
      return { sink: async (source) => (isUsed ? undefined : ((isUsed = true), sink(source))) }
    },
    'a second sink rejects, and the first is not disturbed',
  ],
  [
    'fails behind its end',
    ({ source }) => ({
      source: {
        async *[Symbol.asyncIterator]() {
          yield* source
          throw new Error('over')
        },
      },
    }),
    'abort after both ends is nothing',
  ],
]

describe('testDuplex fails for a duplex that', () => {
  test.each(brokenDuplexes)('%s', async (_, how, title) => {
    const runner = new Runner()
    const create = (): [ByteDuplex, ByteDuplex] => {
      const [one, other] = memoryPair()
      return [broken(one, how), broken(other, how)]
    }
    testDuplex({ name: 'broken', create, maxHeldBytes: 128 * 1024 }, runner.functions)
    expect(await runner.fails(title)).toBe(true)
  })

  test('each of the tests', () => {
    const runner = new Runner()
    testDuplex({ name: 'all', create: () => memoryPair() }, runner.functions)
    expect([...runner.cases.keys()]).toEqual(brokenDuplexes.map(([, , title]) => title))
  })
})
