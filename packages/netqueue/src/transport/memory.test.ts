import { describe, expect, test } from 'vitest'
import { leavingNoHandle, turn } from '../../test/support/handles.ts'
import { testDuplex, testTransport } from '../conformance/index.ts'
import { memory, memoryPair } from './memory.ts'
import type { Bytes } from './transport.ts'

const functions = { describe, test }
const shared = { maxHeldBytes: 128 * 1024, around: leavingNoHandle }

testTransport(
  { ...shared, name: 'memory', create: memory, address: 'memory:here', nobody: 'memory:nobody', bad: ['memory:'] },
  functions,
)
testDuplex({ ...shared, name: 'memoryPair', create: () => memoryPair() }, functions)

test('each memory() is a space of its own', async () => {
  const [one, other] = [memory(), memory()]
  const listener = await one.listen('memory:here')
  await expect(other.connect('memory:here')).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
  const second = await other.listen('memory:here')
  await Promise.all([listener.close(), second.close()])
})

test('a name is used again by the listener that came after, whatever the first one does', async () => {
  const transport = memory()
  const first = await transport.listen('memory:here')
  await first.close()
  const second = await transport.listen('memory:here')
  await first.close()
  expect((await transport.connect('memory:here')).remoteAddress).toBe('memory:here')
  await second.close()
})

test('a sink pulls the next piece only when the last one was taken', async () => {
  const [one, other] = memoryPair()
  const pulled: string[] = []
  const sent = one.sink(
    (function* () {
      for (const name of ['a', 'b', 'c']) {
        pulled.push(name)
        yield new TextEncoder().encode(name)
      }
    })(),
  )
  const source = other.source[Symbol.asyncIterator]()
  for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
    await turn()
    expect(pulled).toEqual(expected)
    await source.next()
  }
  await sent
  expect(await source.next()).toEqual({ done: true, value: undefined })
})

/** What arrives of a piece that was sent, and whether it was there before the sender had its next turn. */
async function sent(piece: Uint8Array): Promise<{ got: unknown; isWithin: boolean }> {
  const [one, other] = memoryPair()
  let got: unknown
  void other.source[Symbol.asyncIterator]()
    .next()
    .then(({ value }) => (got = value))
  const sending = one.sink([piece])
  const isWithin = got !== undefined
  await sending
  return { got, isWithin }
}

test('a long piece arrives as the same object, and never while the sender is still running', async () => {
  const piece = new Uint8Array(8_193)
  const { got, isWithin } = await sent(piece)
  expect(got).toBe(piece)
  expect(isWithin).toBe(false)
})

test.each([1, 8_192])('a piece of %i bytes arrives as a copy, in memory of its own', async (length) => {
  const piece = new Uint8Array(length).fill(7)
  const got = (await sent(piece)).got as Uint8Array
  structuredClone(got, { transfer: [got.buffer as ArrayBuffer] })
  expect(got).toHaveLength(0)
  expect(piece).toEqual(new Uint8Array(length).fill(7))
})

test('two ends that answer each other at once, on and on, leave the event loop its turns', async () => {
  const [one, other] = memoryPair()
  let isTime = false
  setImmediate(() => (isTime = true))
  let answers = 0
  async function* echo(source: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
    for await (const piece of source) {
      answers += 1
      if (isTime || answers > 100_000) return
      yield piece
    }
  }
  async function* begin(): AsyncGenerator<Bytes> {
    yield new Uint8Array(1)
    yield* echo(one.source)
  }
  await Promise.all([one.sink(begin()), other.sink(echo(other.source))])
  expect(isTime).toBe(true)
})

test('is never exposed', () => {
  expect(memory().exposed('memory:here')).toBe(false)
})
