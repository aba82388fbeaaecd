import { decode, encode } from '@msgpack/msgpack'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { firstValue } from './value.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString('hex')
const text = (value: string): string => Buffer.from(value).toString('hex')

describe('the first value of a packet', () => {
  test('is what its own bytes are, whatever follows it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.uint8Array(), (value, rest) => {
        const encoded = encode(value)
        expect(hexOf(firstValue(Buffer.concat([encoded, rest])))).toBe(hexOf(encoded))
      }),
      { numRuns: 200 },
    )
  })

  test('has text for keys of maps that are bytes, at any depth and of any length, and bytes for everything else', () => {
    const long = 'k'.repeat(300)
    const key = `c5012c${text(long)}`
    const map = `83 c401${text('a')} 91 81 c401${text('b')} c401${text('c')} ${key} c0 a1${text('d')} 01`.replaceAll(
      ' ',
      '',
    )
    const value = decode(firstValue(hex(map)))
    expect(value).toEqual({ a: [{ b: new TextEncoder().encode('c') }], [long]: null, d: 1 })
    const list = `82 01 92 c401${text('x')} c401${text('y')} c401${text('z')} c401${text('v')}`.replaceAll(' ', '')
    for (const head of ['de0001', 'df00000001']) expect(decode(firstValue(hex(`${head}c4016b01`)))).toEqual({ k: 1 })
    expect(decode(firstValue(hex(list)))).toEqual({
      1: [Uint8Array.of(120), Uint8Array.of(121)],
      z: Uint8Array.of(118),
    })
  })

  test('that does not end, or claims more than there is, stays as it is', () => {
    for (const data of [
      '',
      '81',
      'c405aa',
      'd9',
      'ddffffffff',
      '82c4016100',
      '81c40161c405aa',
      'dfffffffffc40161',
      '91'.repeat(9_000),
    ])
      expect(hexOf(firstValue(hex(data)))).toBe(data)
  })

  test('is a copy where it is changed: what came in is not ours', () => {
    const data = hex(`81c401${text('a')}01`)
    const before = hexOf(data)
    firstValue(data)
    expect(hexOf(data)).toBe(before)
  })
})
