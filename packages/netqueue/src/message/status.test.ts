import { expect, test } from 'vitest'
import { statusFrom, MAX_STATUS_BYTES } from './status.ts'

test('a status of 4,096 bytes of JSON is taken, a longer one is a RangeError that names both', () => {
  expect(() => statusFrom('x'.repeat(MAX_STATUS_BYTES - 2))).not.toThrow()
  expect(() => statusFrom('ä'.repeat(MAX_STATUS_BYTES / 2))).toThrow(RangeError)
  expect(() => statusFrom('ä'.repeat(MAX_STATUS_BYTES / 2))).toThrow(
    'Expected `status` to have at most 4096 bytes as JSON, got 4098',
  )
})

test('what JSON cannot carry is a TypeError', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  for (const status of [cyclic, 1n, { toJSON: () => 1n }]) expect(() => statusFrom(status)).toThrow(TypeError)
})

test('everything else is a status', () => {
  for (const status of [undefined, null, 0, '', {}, [], 'free']) expect(() => statusFrom(status)).not.toThrow()
})
