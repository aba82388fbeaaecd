import { expect, test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Deadlines } from '../queue/deadlines.ts'
import { Receipts } from './receipts.ts'

interface Script {
  env: VirtualEnv
  receipts: Receipts
  /** How often there was something to tell. */
  due: () => number
}

function script(): Script {
  const env = new VirtualEnv()
  let count = 0
  const receipts = new Receipts({ deadlines: new Deadlines(env), due: () => (count += 1) })
  return { env, receipts, due: () => count }
}

function take(receipts: Receipts, batches: number, bytes = 10): void {
  for (let count = 0; count < batches; count += 1) receipts.add(bytes)
}

test('the peer is told after 32 batches', () => {
  const { receipts, due } = script()
  take(receipts, 31)
  expect([due(), receipts.next()]).toEqual([0, undefined])
  take(receipts, 1)
  expect([due(), receipts.next(), receipts.next()]).toEqual([1, 32, undefined])
  take(receipts, 32)
  expect(receipts.next()).toBe(64)
})

test('the peer is told after 262,144 bytes', () => {
  const { receipts } = script()
  take(receipts, 1, 262_143)
  expect(receipts.next()).toBe(undefined)
  take(receipts, 1, 1)
  expect(receipts.next()).toBe(2)
  take(receipts, 1, 262_144)
  expect(receipts.next()).toBe(3)
})

test('when all is quiet the peer is told after 25 ms, once, and no timer remains', () => {
  const { env, receipts, due } = script()
  take(receipts, 1)
  env.advance(20)
  take(receipts, 1)
  expect(due()).toBe(0)
  env.advance(5)
  expect([due(), receipts.next(), env.timers]).toEqual([1, 2, 0])
  env.advance(1_000)
  expect(due()).toBe(1)
})

test('what was told for its number is not told again for its time', () => {
  const { env, receipts, due } = script()
  take(receipts, 32)
  expect([receipts.next(), env.timers]).toEqual([32, 0])
  env.advance(1_000)
  expect(due()).toBe(1)
})

test('what is due is not due again with each batch that follows', () => {
  const { receipts, due } = script()
  take(receipts, 100)
  expect([due(), receipts.next()]).toEqual([1, 100])
})

test('it can be said at once, nothing taken, and what another way has told need not be said', () => {
  const { env, receipts, due } = script()
  receipts.say()
  expect([due(), receipts.next()]).toEqual([1, 0])
  take(receipts, 5)
  receipts.told()
  expect([receipts.next(), env.timers, receipts.taken]).toEqual([undefined, 0, 5])
})
