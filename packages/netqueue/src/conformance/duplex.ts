import { Uint8ArrayList } from 'uint8arraylist'
import type { ByteDuplex } from '../transport/transport.ts'
import { collect, ending, isPattern, pattern, pieces } from './bytes.ts'
import { check, coded, rejection, same, steady, turn } from './checks.ts'
import { register } from './suite.ts'
import type { Cases, SuiteOptions, TestFunctions } from './suite.ts'

export type Ends = readonly [ByteDuplex, ByteDuplex]

export interface DuplexSuite extends SuiteOptions {
  /** Two ends that are connected to each other, for one test. */
  create: () => Ends | Promise<Ends>
  /** What one side sees when the other aborts: an error, or an end where the system knows of no other. @default 'broken' */
  cut?: 'broken' | 'ended'
  /** The most that a sink takes from its source while nobody reads: what all buffers on the way hold. @default 16 MiB */
  maxHeldBytes?: number
}

const MiB = 1024 * 1024

/** Whether a duplex of bytes keeps the contract of `ByteDuplex`: order, ends, back-pressure, abort. */
export function testDuplex(suite: DuplexSuite, functions: TestFunctions): void {
  register(suite, duplexCases(suite), functions)
}

interface Traits {
  cut: 'broken' | 'ended'
  maxHeldBytes: number
}

type DuplexTest = (one: ByteDuplex, other: ByteDuplex, traits: Traits) => Promise<void>

/** The tests, each with two ends of its own. None leaves a connection open: those that end both sides leave nothing to abort. */
export function duplexCases({ create, cut = 'broken', maxHeldBytes = 16 * MiB }: Omit<DuplexSuite, 'name'>): Cases {
  const bound = (run: DuplexTest) => async (): Promise<void> => {
    const [one, other] = await create()
    await run(one, other, { cut, maxHeldBytes })
  }
  return Object.fromEntries(Object.entries(tests).map(([title, run]) => [title, bound(run)]))
}

const never = (): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
})

/** Sends so many bytes to an end, whose own side has ended, and looks at them. */
async function sends(one: ByteDuplex, other: ByteDuplex, total: number, size: number): Promise<void> {
  const [got] = await Promise.all([
    collect(other.source),
    one.sink(pieces(total, size)),
    other.sink([]),
    collect(one.source),
  ])
  check(isPattern(got, total), `all ${total} bytes to arrive in order, got ${got.length}`)
}

const tests: Record<string, DuplexTest> = {
  'bytes go both ways at once, in order': async (one, other) => {
    const sent = [one.sink(pieces(100_000, 777)), other.sink(pieces(50_000, 4_096))]
    const [atOne, atOther] = await Promise.all([collect(one.source), collect(other.source), ...sent])
    check(isPattern(atOther, 100_000) && isPattern(atOne, 50_000), 'all bytes to arrive in order')
  },

  '1-byte pieces arrive in order': (one, other) => sends(one, other, 20_000, 1),

  '10 MiB arrive whole': (one, other) => sends(one, other, 10 * MiB, 60 * 1024),

  'a list of pieces arrives as its bytes, and empty pieces as nothing': async (one, other) => {
    const list = new Uint8ArrayList(pattern(10), new Uint8Array(0), pattern(90_000, 10), pattern(5, 90_010))
    const sent = [new Uint8Array(0), list, new Uint8ArrayList(), pattern(5, 90_015)]
    const [got] = await Promise.all([collect(other.source), one.sink(sent), other.sink([]), collect(one.source)])
    check(isPattern(got, 90_020), `90,020 bytes in order, got ${got.length}`)
  },

  'a sink stops pulling while nobody reads, and goes on when someone does': async (one, other, { maxHeldBytes }) => {
    let pulled = 0
    const total = 2 * maxHeldBytes
    const sent = Promise.all([one.sink(pieces(total, 64 * 1024, (bytes) => (pulled += bytes))), other.sink([])])
    const held = await steady(() => pulled)
    check(held <= maxHeldBytes, `at most ${maxHeldBytes} bytes to be held (maxHeldBytes), got ${held}`)
    same((await collect(other.source)).length, total, 'what arrived')
    await Promise.all([sent, collect(one.source)])
    same(pulled, total, 'what was pulled')
  },

  'a slow reader holds back the sink piece by piece': async (one, other, { maxHeldBytes }) => {
    let [pulled, read] = [0, 0]
    const sent = Promise.all([one.sink(pieces(32 * MiB, 64 * 1024, (bytes) => (pulled += bytes))), other.sink([])])
    for await (const piece of other.source) {
      read += piece.length
      if (read % (50 * 64 * 1024) === 0) await turn()
      check(pulled - read <= maxHeldBytes + MiB, `at most ${maxHeldBytes} bytes to be ahead, got ${pulled - read}`)
    }
    same(read, 32 * MiB, 'what arrived')
    await Promise.all([sent, collect(one.source)])
  },

  'one side ends, the other still sends': async (one, other) => {
    const [first] = await Promise.all([collect(other.source), one.sink([pattern(3)])])
    check(isPattern(first, 3), 'what was sent before the end to arrive')
    const [answer] = await Promise.all([collect(one.source), other.sink(pieces(200_000, 5_000))])
    check(isPattern(answer, 200_000), 'the answer to arrive behind the end')
  },

  'both sides end without a byte': async (one, other) => {
    await endBoth(one, other)
    same(await one.source[Symbol.asyncIterator]().next(), { done: true }, 'reading behind the end')
  },

  'abort fails both directions here with its reason, at once': async (one, other) => {
    const reason = new Error('enough')
    const failed = [rejection(one.sink(never()), 'the sink'), rejection(collect(one.source), 'the source')]
    one.abort?.(reason)
    for (const each of await Promise.all(failed)) check(each === reason, 'both to fail with the reason')
    check((await rejection(one.sink([pattern(1)]), 'a later sink')) === reason, 'a later sink to fail with the reason')
    other.abort?.(reason)
  },

  'abort is seen by the other side': async (one, other, { cut }) => {
    const read = ending(other.source)
    await turn()
    one.abort?.(new Error('enough'))
    same(await read, cut, 'what the other side sees (cut)')
    other.abort?.(new Error('me too'))
  },

  'abort frees a sink that waits for room': async (one, other, { maxHeldBytes }) => {
    const { failed } = await stuck(one, maxHeldBytes)
    one.abort?.(new Error('enough'))
    same(((await failed) as Error).message, 'enough', 'the error')
    other.abort?.(new Error('me too'))
  },

  'an abort by the other side frees a sink that waits for room': async (one, other, { maxHeldBytes }) => {
    const { failed } = await stuck(one, maxHeldBytes)
    other.abort?.(new Error('enough'))
    coded(await failed, 'CONNECTION_LOST', 'the sink')
    one.abort?.(new Error('me too'))
  },

  'a broken connection frees a sink whose source gives nothing, and ends that source': async (one, other, { cut }) => {
    let isLeft = false
    const next = (): Promise<IteratorResult<Uint8Array>> => new Promise(() => {})
    const leave = async (): Promise<IteratorResult<Uint8Array>> => ({ done: true, value: (isLeft = true) })
    const failed = rejection(one.sink({ [Symbol.asyncIterator]: () => ({ next, return: leave }) }), 'the sink')
    const read = ending(one.source)
    await turn()
    other.abort?.(new Error('enough'))
    same(await read, cut, 'what the source sees (cut)')
    // Where it looks like an end, a sink that does not write cannot know better.
    if (cut === 'ended') one.abort?.(new Error('me too'))
    const error = await failed
    if (cut === 'broken') coded(error, 'CONNECTION_LOST', 'the sink')
    check(isLeft, 'the source of the sink to be left')
  },

  'a sink whose source throws rejects with that error and cuts the connection': async (one, other, { cut }) => {
    const source = other.source[Symbol.asyncIterator]()
    let fail!: () => void
    const isRead = new Promise<void>((resolve) => (fail = resolve))
    const failed = rejection(one.sink(failing(isRead)), 'the sink')
    same((await source.next()).value?.length, 10, 'what arrived before')
    fail()
    same(await ending(other.source), cut, 'what the other side sees (cut)')
    same(((await failed) as Error).message, 'no more bytes', 'the error of the sink')
    same(((await rejection(collect(one.source), 'the source')) as Error).message, 'no more bytes', 'that of the source')
    other.abort?.(new Error('me too'))
  },

  'return() drops what still arrives, and the other direction lives on': async (one, other) => {
    const source = one.source[Symbol.asyncIterator]()
    const sent = other.sink(pieces(20 * MiB, 64 * 1024))
    await source.next()
    await source.return?.()
    await sent
    same(await source.next(), { done: true }, 'reading behind return()')
    const [answer] = await Promise.all([collect(other.source), one.sink([pattern(9)])])
    check(isPattern(answer, 9), 'the answer to arrive')
  },

  'an overlapping next() rejects with ITERATOR_BUSY': async (one, other) => {
    const source = one.source[Symbol.asyncIterator]()
    const first = source.next()
    coded(await rejection(source.next(), 'the second next()'), 'ITERATOR_BUSY', 'the second next()')
    await other.sink([pattern(1)])
    same((await first).value?.length, 1, 'what the first next() gets')
    await Promise.all([one.sink([]), collect(one.source), collect(other.source)])
  },

  'a second sink rejects, and the first is not disturbed': async (one, other) => {
    const sent = one.sink(pieces(200_000, 1_000))
    const second = await rejection(one.sink([pattern(1)]), 'the second sink')
    check(second instanceof TypeError, `the second sink to reject with a TypeError, got ${String(second)}`)
    const [got] = await Promise.all([collect(other.source), sent, other.sink([]), collect(one.source)])
    check(isPattern(got, 200_000), 'what the first sink sends to arrive')
    check((await rejection(one.sink([]), 'a third sink')) instanceof TypeError, 'a TypeError behind the end too')
  },

  'abort after both ends is nothing': async (one, other) => {
    await endBoth(one, other)
    one.abort?.(new Error('late'))
    same(await one.source[Symbol.asyncIterator]().next(), { done: true }, 'reading behind the end')
  },
}

async function endBoth(one: ByteDuplex, other: ByteDuplex): Promise<void> {
  const ends = [one.sink([]), other.sink([])]
  const [atOne, atOther] = await Promise.all([collect(one.source), collect(other.source), ...ends])
  same([atOne.length, atOther.length], [0, 0], 'what arrived')
}

/** A sink that has filled all buffers, and what it will reject with. */
async function stuck(one: ByteDuplex, maxHeldBytes: number): Promise<{ failed: Promise<unknown> }> {
  let pulled = 0
  const failed = rejection(one.sink(pieces(maxHeldBytes * 4, 64 * 1024, (bytes) => (pulled += bytes))), 'the sink')
  await steady(() => pulled)
  return { failed }
}

async function* failing(isRead: Promise<void>): AsyncGenerator<Uint8Array> {
  yield pattern(10)
  await isRead
  throw new Error('no more bytes')
}
