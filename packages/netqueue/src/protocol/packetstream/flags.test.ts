import { expect, test } from 'vitest'
import { flagsFault, flagsOf, headersOfFlags } from './flags.ts'
import { MAX_FLAGS } from './frame.ts'

test('flags are the header of that name, and 0 is none', () => {
  expect(flagsOf(headersOfFlags(85))).toBe(85)
  expect(headersOfFlags(85)).toEqual({ flags: '85' })
  expect(headersOfFlags(0)).toBeUndefined()
  expect(flagsOf(undefined)).toBe(0)
})

test('no other header travels, and no flags but an integer that fits', () => {
  expect(flagsFault('flags', '0')).toBeUndefined()
  expect(flagsFault('flags', String(MAX_FLAGS))).toBeUndefined()
  expect(flagsFault('lang', 'en')).toBe('a name but "flags"')
  for (const value of [null, '', '-1', '1.5', '0x1', 'x', String(MAX_FLAGS + 1)])
    expect(flagsFault('flags', value)).toBe(`flags but an integer from 0 to ${MAX_FLAGS}`)
})
