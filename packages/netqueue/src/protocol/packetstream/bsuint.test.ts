import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectors } from '../../../test/support/packetstream-vectors.ts'
import {
  BsuintReader,
  bsuintBytes,
  decodeBsuint,
  encodeBsuint,
  MAX_BSUINT_BYTES,
  measureBsuint,
  writeBsuint,
} from './bsuint.ts'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

function written(value: number): string {
  const out = new Uint8Array(bsuintBytes(value))
  expect(writeBsuint(out, 0, value)).toBe(out.length)
  return Buffer.from(out).toString('hex')
}

test.each(Object.entries(vectors.numbers))('%s is %s, both ways', (value, hex) => {
  expect(written(Number(value))).toBe(hex)
  expect(new BsuintReader(bytesOf(hex)).next()).toBe(Number(value))
})

test('any number up to 2^53 - 1 is read as it was written, and what stands behind it is left', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 3 }), (value, rest) => {
      const reader = new BsuintReader(Uint8Array.of(...bytesOf(written(value)), ...rest))
      expect(reader.next()).toBe(value)
      expect([...reader.rest()]).toEqual([...rest])
    }),
  )
})

test('codecs of users write and read them too', () => {
  expect([...encodeBsuint(128)]).toEqual([0x81, 0])
  expect(decodeBsuint(Uint8Array.of(9, 0x81, 0, 9), 1)).toEqual({ value: 128, bytes: 2 })
  for (const value of [-1, 1.5, 2 ** 53]) expect(() => encodeBsuint(value)).toThrow(RangeError)
  expect(() => decodeBsuint(Uint8Array.of(0x81))).toThrow('a packet that ends inside a number')
})

test('zeros in front are read, up to 16 digits', () => {
  expect(new BsuintReader(bytesOf('808001')).next()).toBe(1)
  expect(new BsuintReader(bytesOf(`${'80'.repeat(MAX_BSUINT_BYTES - 1)}05`)).next()).toBe(5)
  expect(() => measureBsuint(bytesOf('80'.repeat(MAX_BSUINT_BYTES)), 0)).toThrow(
    'The peer sent a number of more than 16 digits',
  )
})

test.each([
  ['that ends too soon', '81', 'a packet that ends inside a number'],
  ['beyond 2^53 - 1', '9080808080808000', 'a number beyond 2^53 - 1'],
])('a number %s is BAD_MESSAGE', (_, hex, what) => {
  expect(() => new BsuintReader(bytesOf(hex)).next()).toThrow(
    expect.objectContaining({ code: 'BAD_MESSAGE', message: `The peer sent ${what}` }) as Error,
  )
})

test('a number of which the end has not come is not known yet', () => {
  expect(measureBsuint(bytesOf('8180'), 0)).toBeUndefined()
  expect(measureBsuint(bytesOf('ff818000'), 1)).toEqual({ value: 16_384, bytes: 3 })
})
