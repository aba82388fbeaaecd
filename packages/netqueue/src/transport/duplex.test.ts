import { PassThrough } from 'node:stream'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Uint8ArrayList } from 'uint8arraylist'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collect, ending, pattern, pieces } from '../../test/support/bytes.ts'
import { expectHandles, handles, steady, turn } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { memory, memoryPair } from './memory.ts'
import { fromStreams } from './streams.ts'
import { tcp } from './tcp.ts'
import type { ByteDuplex, Transport } from './transport.ts'
import { unix } from './unix.ts'

interface Setup {
  name: string
  pair: () => Promise<[ByteDuplex, ByteDuplex]> | [ByteDuplex, ByteDuplex]
  /** What the other side of an abort sees; the system has no reset for unix sockets. */
  cut: 'broken' | 'ended'
  /** The most that a sink takes from its source while nobody reads: what the system and we hold. */
  maxHeldBytes: number
}

const MiB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'netqueue-duplex-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

async function connected(transport: Transport, address: string): Promise<[ByteDuplex, ByteDuplex]> {
  const listener = await transport.listen(address)
  const accepted = listener[Symbol.asyncIterator]().next()
  const one = await transport.connect(listener.address)
  const other = await accepted
  await listener.close()
  return [one, other.value as ByteDuplex]
}

function crossed(): [ByteDuplex, ByteDuplex] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  return [fromStreams({ readable: back, writable: there }), fromStreams({ readable: there, writable: back })]
}

function crossedWeb(): [ByteDuplex, ByteDuplex] {
  const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
  return [
    fromStreams({ readable: back.readable, writable: there.writable }),
    fromStreams({ readable: there.readable, writable: back.writable }),
  ]
}

/** Compares at once: a diff of 10 MiB helps nobody. */
function same(actual: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(actual, expected) === 0
}

const setups: Setup[] = [
  { name: 'tcp, IPv4', pair: () => connected(tcp(), 'tcp://127.0.0.1:0'), cut: 'broken', maxHeldBytes: 16 * MiB },
  { name: 'tcp, IPv6', pair: () => connected(tcp(), 'tcp://[::1]:0'), cut: 'broken', maxHeldBytes: 16 * MiB },
  { name: 'unix', pair: () => connected(unix(), `unix:${folder}/pair`), cut: 'ended', maxHeldBytes: 2 * MiB },
  { name: 'memory', pair: () => connected(memory(), 'memory:pair'), cut: 'broken', maxHeldBytes: 128 * 1024 },
  { name: 'memoryPair', pair: () => memoryPair(), cut: 'broken', maxHeldBytes: 128 * 1024 },
  { name: 'fromStreams, Node', pair: crossed, cut: 'broken', maxHeldBytes: 512 * 1024 },
  { name: 'fromStreams, web', pair: crossedWeb, cut: 'broken', maxHeldBytes: 512 * 1024 },
]

const never = (): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
})

describe.each(setups)('$name', ({ pair, cut, maxHeldBytes }) => {
  let one: ByteDuplex
  let other: ByteDuplex
  let before: Record<string, number>

  beforeEach(async () => {
    before = handles()
    ;[one, other] = await pair()
  })

  /** No test leaves a connection open: those that end both sides leave nothing to abort. */
  afterEach(async () => {
    await expectHandles(before)
  })

  const close = (): Promise<unknown> =>
    Promise.all([one.sink([]), other.sink([]), collect(one.source), collect(other.source)])

  test('bytes go both ways at once, in order', async () => {
    const sent = [one.sink(pieces(100_000, 777)), other.sink(pieces(50_000, 4_096))]
    const [atOne, atOther] = await Promise.all([collect(one.source), collect(other.source), ...sent])
    expect(same(atOther, pattern(100_000))).toBe(true)
    expect(same(atOne, pattern(50_000))).toBe(true)
  })

  test('1-byte pieces arrive in order', async () => {
    const sent = Promise.all([one.sink(pieces(20_000, 1)), other.sink([])])
    expect(same(await collect(other.source), pattern(20_000))).toBe(true)
    await Promise.all([sent, collect(one.source)])
  })

  test('10 MiB arrive whole', async () => {
    const sent = Promise.all([one.sink(pieces(10 * MiB, 60 * 1024)), other.sink([])])
    expect(same(await collect(other.source), pattern(10 * MiB))).toBe(true)
    await Promise.all([sent, collect(one.source)])
  })

  test('a list of pieces arrives as its bytes, and empty pieces as nothing', async () => {
    const list = new Uint8ArrayList(pattern(10), new Uint8Array(0), pattern(90_000, 10), pattern(5, 90_010))
    const sent = Promise.all([
      one.sink([new Uint8Array(0), list, new Uint8ArrayList(), pattern(5, 90_015)]),
      other.sink([]),
    ])
    expect(same(await collect(other.source), pattern(90_020))).toBe(true)
    await Promise.all([sent, collect(one.source)])
  })

  test('a sink stops pulling while nobody reads, and goes on when someone does', async () => {
    let pulled = 0
    const sent = Promise.all([one.sink(pieces(32 * MiB, 64 * 1024, (bytes) => (pulled += bytes))), other.sink([])])
    expect(await steady(() => pulled)).toBeLessThanOrEqual(maxHeldBytes)
    expect((await collect(other.source)).byteLength).toBe(32 * MiB)
    await Promise.all([sent, collect(one.source)])
    expect(pulled).toBe(32 * MiB)
  })

  test('a slow reader holds back the sink piece by piece', async () => {
    let pulled = 0
    const sent = Promise.all([one.sink(pieces(32 * MiB, 64 * 1024, (bytes) => (pulled += bytes))), other.sink([])])
    let read = 0
    for await (const piece of other.source) {
      read += piece.byteLength
      if (read % (50 * 64 * 1024) === 0) await turn()
      if (pulled - read > maxHeldBytes + MiB) break
    }
    expect(read).toBe(32 * MiB)
    await Promise.all([sent, collect(one.source)])
  })

  test('one side ends, the other still sends', async () => {
    const [atOther] = await Promise.all([collect(other.source), one.sink([pattern(3)])])
    expect(same(atOther, pattern(3))).toBe(true)
    const sent = other.sink(pieces(200_000, 5_000))
    expect(same(await collect(one.source), pattern(200_000))).toBe(true)
    await sent
  })

  test('both sides end without a byte', async () => {
    const [, , atOne, atOther] = (await close()) as [void, void, Uint8Array, Uint8Array]
    expect([atOne.byteLength, atOther.byteLength]).toEqual([0, 0])
    expect(await one.source[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  })

  test('abort fails both directions here with its reason, at once', async () => {
    const reason = new Error('enough')
    const sent = one.sink(never())
    const read = collect(one.source)
    one.abort?.(reason)
    await expect(sent).rejects.toBe(reason)
    await expect(read).rejects.toBe(reason)
    await expect(one.sink([pattern(1)])).rejects.toBe(reason)
    other.abort?.(reason)
  })

  test('abort is seen by the other side', async () => {
    const read = ending(other.source)
    await turn()
    one.abort?.(new Error('enough'))
    expect(await read).toBe(cut)
    other.abort?.(new Error('me too'))
  })

  test('abort frees a sink that waits for room', async () => {
    let pulled = 0
    const sent = one.sink(pieces(64 * MiB, 64 * 1024, (bytes) => (pulled += bytes)))
    const failed = failureOf(sent)
    await steady(() => pulled)
    one.abort?.(new Error('enough'))
    expect(await failed).toHaveProperty('message', 'enough')
    other.abort?.(new Error('me too'))
  })

  test('an abort by the other side frees a sink that waits for room', async () => {
    let pulled = 0
    const failed = failureOf(one.sink(pieces(64 * MiB, 64 * 1024, (bytes) => (pulled += bytes))))
    await steady(() => pulled)
    other.abort?.(new Error('enough'))
    expect(await failed).toMatchObject({ code: 'CONNECTION_LOST' })
    one.abort?.(new Error('me too'))
  })

  test.runIf(cut === 'broken')(
    'a broken connection frees a sink whose source gives nothing, and ends that source',
    async () => {
      let left = false
      const source = {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise<IteratorResult<Uint8Array>>(() => {}),
          return: async () => ({ done: true as const, value: (left = true) }),
        }),
      }
      const read = ending(one.source)
      const failed = failureOf(one.sink(source))
      await turn()
      other.abort?.(new Error('enough'))
      expect(await read).toBe('broken')
      expect(await failed).toMatchObject({ code: 'CONNECTION_LOST' })
      expect(left).toBe(true)
    },
  )

  test('a sink whose source throws rejects with that error and cuts the connection', async () => {
    const source = other.source[Symbol.asyncIterator]()
    let fail!: () => void
    const read = new Promise<void>((resolve) => (fail = resolve))
    const failing = (async function* () {
      yield pattern(10)
      await read
      throw new Error('no more bytes')
    })()
    const failed = failureOf(one.sink(failing))
    expect((await source.next()).value?.byteLength).toBe(10)
    fail()
    expect(await ending(other.source)).toBe(cut)
    expect(await failed).toHaveProperty('message', 'no more bytes')
    await expect(collect(one.source)).rejects.toThrow('no more bytes')
    other.abort?.(new Error('me too'))
  })

  test('return() drops what still arrives, and the other direction lives on', async () => {
    const source = one.source[Symbol.asyncIterator]()
    const sent = other.sink(pieces(20 * MiB, 64 * 1024))
    await source.next()
    await source.return?.()
    await sent
    expect(await source.next()).toEqual({ done: true, value: undefined })
    const [answer] = await Promise.all([collect(other.source), one.sink([pattern(9)])])
    expect(same(answer, pattern(9))).toBe(true)
  })

  test('an overlapping next() rejects with ITERATOR_BUSY', async () => {
    const source = one.source[Symbol.asyncIterator]()
    const first = source.next()
    await expect(source.next()).rejects.toMatchObject({ code: 'ITERATOR_BUSY' })
    await other.sink([pattern(1)])
    expect((await first).value?.byteLength).toBe(1)
    await Promise.all([one.sink([]), collect(one.source), collect(other.source)])
  })

  test('a second sink rejects, and the first is not disturbed', async () => {
    const sent = one.sink(pieces(200_000, 1_000))
    await expect(one.sink([pattern(1)])).rejects.toThrow(TypeError)
    const [atOther] = await Promise.all([collect(other.source), sent, other.sink([]), collect(one.source)])
    expect(same(atOther, pattern(200_000))).toBe(true)
    await expect(one.sink([])).rejects.toThrow(TypeError)
  })

  test('abort after both ends is nothing', async () => {
    await close()
    one.abort?.(new Error('late'))
    expect(await one.source[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  })
})
