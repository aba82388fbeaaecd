import { describe, expect, test } from 'vitest'

import { Addresses } from './addresses.ts'

/** The next ones; `|` where all have had their turn. */
function turns(addresses: Addresses, count: number): string {
  let seen = addresses.present
  for (let turn = 0; turn < count; turn += 1) seen += (addresses.next() ? '|' : '') + addresses.present
  return seen
}

describe('addresses that stand in for each other', () => {
  test('have their turns in order, round by round', () => {
    expect(turns(new Addresses(['a', 'b', 'c']), 6)).toBe('abc|abc|a')
    expect(turns(new Addresses(['a']), 2)).toBe('a|a|a')
  })

  test('are passed over when they have ended, and had no turn then', () => {
    const addresses = new Addresses(['a', 'b', 'c'])
    addresses.end()
    expect([addresses.hasEnded, addresses.hasOther, turns(addresses, 4)]).toEqual([true, true, 'abc|bc'])
  })

  test('stay where they are when all others have ended', () => {
    const addresses = new Addresses(['a', 'b'])
    addresses.end()
    addresses.next()
    expect([addresses.hasOther, turns(addresses, 2)]).toEqual([false, 'b|b|b'])
  })

  test('are all worth a try again when they are renewed', () => {
    const addresses = new Addresses(['a', 'b'])
    addresses.end()
    addresses.next()
    addresses.renew()
    expect(turns(addresses, 4)).toBe('ba|ba|b')
  })
})
