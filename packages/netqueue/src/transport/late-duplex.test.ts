import { expect, test } from 'vitest'
import { failureOf } from '../../test/support/outcome.ts'
import { LateDuplex } from './late-duplex.ts'
import { memoryPair } from './memory.ts'
import type { ByteDuplex, Bytes } from './transport.ts'

/** One that begins when the test says so, or fails. */
class Late extends LateDuplex {
  begun = 0
  cuts = 0
  succeed!: (duplex: ByteDuplex) => void
  fail!: (reason: unknown) => void

  get closed(): Promise<void> {
    return Promise.resolve()
  }

  protected begin(): Promise<ByteDuplex> {
    this.begun += 1
    return new Promise((resolve, reject) => {
      this.succeed = resolve
      this.fail = reject
    })
  }

  protected cut(): void {
    this.cuts += 1
  }
}

/** A source that gives nothing, and tells when it is left. */
function silent(): { source: AsyncIterable<Uint8Array>; isLeft: () => boolean } {
  let left = false
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => new Promise(() => {}),
    return: async () => ({ done: true, value: (left = true) }),
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, isLeft: () => left }
}

const reading = ({ source }: ByteDuplex): AsyncIterator<Bytes> => source[Symbol.asyncIterator]()

test('it begins with the first call that reads, sends or opens, and once', async () => {
  const late = new Late()
  const [here, there] = memoryPair()
  const read = reading(late).next()
  const sent = late.sink([Uint8Array.of(1)])
  const opened = late.open()
  expect(late.begun).toBe(1)
  late.succeed(here)
  expect(await opened).toBe(here)
  expect((await reading(there).next()).value).toEqual(Uint8Array.of(1))
  await sent
  const answered = there.sink([Uint8Array.of(2)])
  expect((await read).value).toEqual(Uint8Array.of(2))
  await answered
})

test('abort before it has begun, or while it begins, fails both ways with its reason and cuts it; it begins no more', async () => {
  for (const isBegun of [false, true]) {
    const late = new Late()
    const before = isBegun ? [failureOf(reading(late).next()), failureOf(late.sink(silent().source))] : []
    const reason = new Error('enough')
    late.abort(reason)
    const { source, isLeft } = silent()
    const after = [failureOf(reading(late).next()), failureOf(late.sink(source)), failureOf(late.open())]
    for (const failure of await Promise.all([...before, ...after])) expect(failure).toBe(reason)
    expect([late.begun, late.cuts, isLeft()]).toEqual([isBegun ? 1 : 0, 1, true])
  }
})

test('where it cannot begin, both ways fail with why, and what was to be sent is left', async () => {
  const late = new Late()
  const { source, isLeft } = silent()
  const failures = [failureOf(reading(late).next()), failureOf(late.sink(source))]
  const reason = new Error('no handshake')
  late.fail(reason)
  for (const failure of await Promise.all(failures)) expect(failure).toBe(reason)
  expect(isLeft()).toBe(true)
})

test('when it has begun, abort and what is given back go to the connection', async () => {
  const late = new Late()
  const [here, there] = memoryPair()
  const opened = late.open()
  late.succeed(here)
  await opened
  const sent = there.sink([Uint8Array.of(1, 2)])
  const source = reading(late)
  await source.next()
  await sent
  late.source.unread?.(Uint8Array.of(2))
  expect((await source.next()).value).toEqual(Uint8Array.of(2))
  late.abort(new Error('over'))
  expect(late.cuts).toBe(0)
  await expect(reading(there).next()).rejects.toThrow('memory:')
})
