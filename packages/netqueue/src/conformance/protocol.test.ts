import { describe, expect, test } from 'vitest'

import { Runner } from '../../test/support/runner.ts'
import type { FrameTaker, Framing } from '../framing/framing.ts'
import { native, netQueue } from '../protocol/net-queue/net-queue.ts'
import type { Handshake } from '../protocol/handshake.ts'
import type { Writer } from '../protocol/message.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { Wire } from '../protocol/wire.ts'
import type { Bytes } from '../transport/transport.ts'
import { testProtocol } from './protocol.ts'
import { tests } from './protocol-tests.ts'
import type { ProtocolSuite } from './protocol.ts'

/** A protocol whose wires are broken. */
function withWire(protocol: Protocol, change: (wire: Wire) => Partial<Wire>): Protocol {
  const handshake: Protocol['handshake'] = (init) => {
    const inner = protocol.handshake(init)
    const take: Handshake['take'] = (frame) => {
      const step = inner.take(frame)
      return step.wire === undefined ? step : { ...step, wire: brokenWire(step.wire, change) }
    }
    return {
      start: () => inner.start(),
      take,
      error: (notice) => inner.error(notice),
      disconnect: () => inner.disconnect(),
    }
  }
  return { ...protocol, handshake }
}

function brokenWire(wire: Wire, change: (wire: Wire) => Partial<Wire>): Wire {
  return {
    peer: wire.peer,
    typed: wire.typed,
    decode: (...args) => wire.decode(...args),
    encode: (fill) => wire.encode(fill),
    disconnect: () => wire.disconnect(),
    error: (notice) => wire.error(notice),
    carry: (...args) => wire.carry(...args),
    ...(wire.ack !== undefined && { ack: (batches: number) => (wire.ack as (count: number) => Uint8Array)(batches) }),
    ...(wire.flushed !== undefined && { flushed: (take) => wire.flushed?.(take) }),
    ...change(wire),
  }
}

/** Changes what is said. */
const saying =
  (change: (writer: Writer) => Partial<Writer>) =>
  (wire: Wire): Partial<Wire> => ({
    encode: (fill) =>
      wire.encode((writer) => fill(Object.assign(Object.create(writer) as Writer, bound(writer), change(writer)))),
  })

/** A writer whose methods keep to it. */
function bound(writer: Writer): Partial<Writer> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(writer)) as (keyof Writer)[]
  return Object.fromEntries(
    names.flatMap((name) => {
      const { value } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(writer), name) ?? {}
      return typeof value === 'function' ? [[name, (value as (...args: unknown[]) => unknown).bind(writer)]] : []
    }),
  )
}

type Chunks = AsyncIterable<Bytes>

/** A framing that reads in another way. */
const reading = (framing: Framing, decode: (chunks: Chunks) => Chunks): Framing => ({
  encode: (frames) => framing.encode(frames),
  decode: (chunks) => {
    const frames = decode(chunks)
    return {
      [Symbol.asyncIterator]: () => frames[Symbol.asyncIterator](),
      each: (taker) => void takeAll(frames, taker),
    }
  },
})

async function takeAll(frames: Chunks, taker: FrameTaker): Promise<void> {
  try {
    for await (const frame of frames) if (!(await taker.take(frame))) break
    taker.ended()
  } catch (error) {
    taker.broke(error)
  }
}

const brokenProtocols: [string, Protocol, fails: string][] = [
  ['has no name', { ...native(), name: '' }, 'has a name, and says of each feature whether it has it'],
  [
    'says that it lacks what its wires have',
    { ...native(), supports: { ...native().supports, result: false } },
    'both sides get to know each other, and what the other can carry',
  ],
  [
    'sends items twice',
    withWire(
      native(),
      saying((to) => ({ item: (...args) => to.item(...args) && to.item(...args) })),
    ),
    'items arrive as they were sent, in order, in both directions',
  ],
  [
    'says every message twice',
    withWire(
      native(),
      saying((to) => ({ message: (...args) => to.message(...args) && to.message(...args) })),
    ),
    'messages and requests arrive as they were sent, in order, in both directions',
  ],
  [
    'swallows a settle',
    withWire(
      native(),
      saying(() => ({ settle: () => true })),
    ),
    'what a feature says arrives where it is supported, and is left unsaid where it is not',
  ],
  [
    'never tells of flushing',
    withWire(netQueue(), () => ({ flushed: () => {} })),
    'without credit on the wire, whoever has flushed may send one more, and flushed is settled',
  ],
  [
    'makes empty frames',
    withWire(native(), (wire) => ({ encode: (fill) => wire.encode(fill) ?? new Uint8Array(2) })),
    'nothing to say makes no frame',
  ],
  [
    'takes chunks for frames',
    {
      ...native(),
      framing: (options) => reading(native().framing(options), (chunks) => chunks),
    },
    'a stream is read alike, however it is cut: at every byte, and into single bytes',
  ],
  [
    'has no limit for frames',
    {
      ...native(),
      framing: (options) => native().framing({ ...options, limit: () => ({ name: 'none', bytes: 2 ** 32 }) }),
    },
    'a frame above the limit is FRAME_TOO_LARGE before half of it has come',
  ],
  [
    'takes a broken stream for one that ended',
    {
      ...native(),
      framing: (options) => {
        const inner = native().framing(options)
        return reading(inner, async function* (chunks) {
          try {
            yield* inner.decode(chunks)
          } catch {}
        })
      },
    },
    'a stream that ends inside a frame is FRAME_TRUNCATED, wherever',
  ],
  [
    'has no limit for items',
    {
      ...native(),
      handshake: (init) => native().handshake({ ...init, limits: { ...init.limits, maxItemBytes: 2 ** 20 } }),
    },
    'what is above `maxItemBytes` of its receiver is ITEM_TOO_LARGE, what is just so long is not',
  ],
  [
    'lets in whoever comes',
    { ...netQueue(), handshake: (init) => netQueue().handshake({ ...init, guard: undefined }) },
    'a server that wants to know who comes lets in nobody who cannot show it',
  ],
  [
    'says goodbye so that nobody understands it',
    withWire(native(), (wire) => ({ disconnect: () => wire.encode((to) => to.ping(1))?.slice() })),
    'a goodbye and an error are understood',
  ],
  [
    'counts all frames alike',
    withWire(native(), (wire) => ({ decode: (...args) => (wire.decode(...args), true) })),
    'frames that a session counts are told from others, and how many were taken is understood',
  ],
  [
    'trips over garbage',
    withWire(native(), (wire) => ({
      decode: (frame, take) => {
        if (frame.subarray()[1] === 23) throw new TypeError('undefined is not a function')
        return wire.decode(frame, take)
      },
    })),
    'whatever a peer sends, in an introduction or behind it, is understood or a coded error',
  ],
]

describe('testProtocol fails for a protocol that', () => {
  const run = (protocol: Protocol, more: Partial<ProtocolSuite> = {}): Runner => {
    const runner = new Runner()
    testProtocol({ name: 'broken', create: () => protocol, ...more }, runner.functions)
    return runner
  }

  test.each(brokenProtocols)('%s', async (_, protocol, title) => {
    expect(await run(protocol).fails(title)).toBe(true)
    expect(await run(protocol.name === netQueue().name ? netQueue() : native()).fails(title)).toBe(false)
  })

  test('is broken at its server alone', async () => {
    const broken = withWire(native(), () => ({
      flushed: (take) => take({ type: 'credit', limit: 1, byteLimit: 1, received: 0, records: 0 }),
    }))
    const handshake: Protocol['handshake'] = (init) => (init.role === 'server' ? broken : native()).handshake(init)
    const title = 'without credit on the wire, whoever has flushed may send one more, and flushed is settled'
    expect(await run({ ...native(), handshake }).fails(title)).toBe(true)
  })

  test('each of the tests', () => {
    expect(brokenProtocols.map(([, , title]) => title).toSorted()).toEqual(Object.keys(tests).toSorted())
  })

  test('skips what a protocol says it lacks, and gives the reason', () => {
    const { supports } = native()
    const without = {
      ...native(),
      isUnframed: true,
      supports: { ...supports, items: false, message: false, request: false },
    }
    expect(run(without).skipped.map((title) => title.replace(/^.* \(/, '('))).toEqual([
      '(skipped: it carries no items)',
      '(skipped: it carries neither)',
      '(skipped: it carries no items)',
      '(skipped: one read is one message)',
      '(skipped: one read is one message)',
      '(skipped: its clients can)',
    ])
  })

  test.each([
    ['hears nothing of what it should', { hex: '000000020001', hears: ['ping'] }],
    ['gives another code', { hex: '00000000', code: 'FRAME_TOO_LARGE' }],
    ['gives none', { hex: '000000020001', code: 'BAD_MESSAGE' }],
    ['fails where all is well', { hex: '000000020009' }],
  ] as const)('%s, by a vector', async (_, vector) => {
    const runner = run(netQueue(), { vectors: [{ name: 'x', to: 'server', ...vector }] })
    expect(await runner.fails('vector: x')).toBe(true)
  })
})
