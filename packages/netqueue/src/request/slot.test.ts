import { describe, expect, test } from 'vitest'

import { Slot, Slots } from './slot.ts'

/** Slots of so many, and a slot for each name; tells who was let in. */
function crowd(
  size: number,
  names: string,
): { slots: Record<string, Slot>; entered: string[]; enter: (name: string) => void } {
  const all = new Slots(size)
  const slots = Object.fromEntries(Array.from(names, (name) => [name, new Slot(all)]))
  const entered: string[] = []
  return { slots, entered, enter: (name) => slots[name]?.enter(() => entered.push(name)) }
}

describe('slots', () => {
  test.each([1, 2, 3, 4])('let %i of three in, the others in order when one leaves', (size) => {
    const { slots, entered, enter } = crowd(size, 'abc')
    for (const name of 'abc') enter(name)
    expect(entered.join('')).toBe('abc'.slice(0, size))
    for (const name of 'abc') slots[name]?.leave()
    expect(entered.join('')).toBe('abc')
  })

  test('let in again whoever is in, and count it once', () => {
    const { slots, entered, enter } = crowd(1, 'ab')
    enter('a')
    enter('a')
    enter('b')
    slots['a']?.leave()
    expect(entered.join('')).toBe('aab')
  })

  test('forget who gives up waiting; leaving twice is leaving once', () => {
    const { slots, entered, enter } = crowd(1, 'abcd')
    for (const name of 'abc') enter(name)
    slots['b']?.leave()
    slots['b']?.leave()
    slots['a']?.leave()
    slots['a']?.leave()
    enter('d')
    expect(entered.join('')).toBe('ac')
  })

  test('call back all who wait by the same slot', () => {
    const { slots, entered, enter } = crowd(1, 'ab')
    enter('a')
    enter('b')
    slots['b']?.enter(() => entered.push('B'))
    slots['a']?.leave()
    expect(entered.join('')).toBe('abB')
  })

  test('are given up for now without giving up the wait for them', () => {
    const { slots, entered, enter } = crowd(1, 'ab')
    enter('a')
    enter('b')
    slots['b']?.pause()
    slots['a']?.pause()
    slots['a']?.pause()
    expect(entered.join('')).toBe('ab')
    enter('a')
    slots['a']?.pause()
    slots['b']?.leave()
    expect(entered.join('')).toBe('aba')
  })

  test('serve a line of 100,000 who leave at once, without a stack that grows', () => {
    const all = new Slots(1)
    const first = new Slot(all)
    let served = 0
    first.enter(() => {})
    for (let index = 0; index < 100_000; index += 1) {
      const slot = new Slot(all)
      slot.enter(() => {
        served += 1
        slot.leave()
      })
    }
    first.leave()
    expect(served).toBe(100_000)
  })

  test('P8: let parties in by turns: whoever has a hundred in line holds up nobody who has one', () => {
    const all = new Slots(1)
    const first = new Slot(all)
    const entered: string[] = []
    first.enter(() => {})
    const slots = Array.from({ length: 101 }, (_, n) => new Slot(all, n < 100 ? 'a' : 'b'))
    for (const slot of slots)
      slot.enter(() => {
        entered.push(slot.party as string)
        slot.leave()
      })
    slots[1]?.leave()
    first.leave()
    expect(entered.slice(0, 3)).toEqual(['a', 'b', 'a'])
    expect(entered).toHaveLength(100)
  })

  test('keep the order of the line where somebody comes while it is served', () => {
    const all = new Slots(1)
    const entered: string[] = []
    const [a, b, c, d] = [new Slot(all), new Slot(all), new Slot(all), new Slot(all)]
    a.enter(() => {})
    b.enter(() => {
      entered.push('b')
      b.leave()
      d.enter(() => entered.push('d'))
    })
    c.enter(() => {
      entered.push('c')
      c.leave()
    })
    a.leave()
    expect(entered.join('')).toBe('bcd')
  })

  test('are taken back at once by whoever cannot be held up, and nobody else comes in before they are free again', () => {
    const all = new Slots(1)
    const [first, second, third] = [new Slot(all), new Slot(all), new Slot(all)]
    const entered: string[] = []
    first.enter(() => {})
    first.pause()
    second.enter(() => entered.push('second'))
    first.enter(() => entered.push('first'))
    third.enter(() => entered.push('third'))
    first.retake()
    expect(entered).toEqual(['second', 'first'])
    second.leave()
    expect(entered).toEqual(['second', 'first'])
    first.leave()
    expect(entered).toEqual(['second', 'first', 'third'])
  })
})
