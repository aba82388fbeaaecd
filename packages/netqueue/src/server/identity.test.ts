import { expect, test } from 'vitest'
import { isSameIdentity } from './identity.ts'

function ring(): unknown {
  const one: Record<string, unknown> = {}
  one['one'] = one
  return one
}

test('values are the same that are identical', () => {
  const value = new Map()
  for (const one of [undefined, null, 7, Number.NaN, 'ada', value]) expect(isSameIdentity(one, one)).toBe(true)
  for (const other of [null, 0, false, '', {}]) expect(isSameIdentity(undefined, other)).toBe(false)
})

test('plain data is the same that has the same content, prototypes included', () => {
  expect(isSameIdentity([1, { a: [null] }], [1, { a: [null] }])).toBe(true)
  expect(isSameIdentity([], {})).toBe(false)
  expect(isSameIdentity(Object.create(null), {})).toBe(false)
  expect(isSameIdentity({ a: undefined }, { b: undefined })).toBe(false)
})

test('what may hide something, and what has no end, is not compared', () => {
  expect(isSameIdentity(new Map(), new Map())).toBe(false)
  expect(isSameIdentity(ring(), ring())).toBe(false)
})
