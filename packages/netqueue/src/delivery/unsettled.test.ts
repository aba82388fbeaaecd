import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Unsettled } from './unsettled.ts'

const filled = (...numbers: number[]): Unsettled<string> => {
  const unsettled = new Unsettled<string>()
  for (const seq of numbers) unsettled.push(seq, `item ${seq}`)
  return unsettled
}

describe('what is unsettled', () => {
  test('is found and taken by its number, once', () => {
    const unsettled = filled(1, 2, 3)
    expect(unsettled.get(2)).toBe('item 2')
    expect(unsettled.take(2)).toBe('item 2')
    expect([unsettled.get(2), unsettled.take(2)]).toEqual([undefined, undefined])
    expect([...unsettled]).toEqual(['item 1', 'item 3'])
    expect(unsettled.size).toBe(2)
  })

  test('is found where a later one was there, and gone, before it', () => {
    const unsettled = filled(1, 3, 5)
    unsettled.take(5)
    unsettled.push(4, 'item 4')
    unsettled.push(2, 'item 2')
    expect([2, 3, 4, 5].map((seq) => unsettled.get(seq))).toEqual(['item 2', 'item 3', 'item 4', undefined])
    expect([unsettled.take(4), unsettled.take(2), unsettled.size]).toEqual(['item 4', 'item 2', 2])
  })

  test('is found behind numbers that were skipped', () => {
    const unsettled = filled(1, 2, 25, 26)
    expect([unsettled.get(25), unsettled.get(3), unsettled.get(27)]).toEqual(['item 25', undefined, undefined])
  })

  test('is taken by range, however wide, in order', () => {
    const unsettled = filled(1, 2, 3, 7)
    unsettled.take(2)
    expect(unsettled.takeRange(2, Number.MAX_SAFE_INTEGER)).toEqual(['item 3', 'item 7'])
    expect([...unsettled]).toEqual(['item 1'])
  })

  test('P7: one that stays open for long costs nothing for those that pass it', () => {
    const unsettled = filled(1)
    for (let seq = 2; seq < 10_000; seq += 1) {
      unsettled.push(seq, 'quick')
      unsettled.take(seq)
      expect(unsettled.places).toBeLessThan(100)
    }
    expect(unsettled.take(1)).toBe('item 1')
    expect(unsettled.places).toBe(0)
  })

  test('P8: many gaps are walked over once, however often a peer settles them again', () => {
    const unsettled = filled(...Array.from({ length: 16_384 }, (_, index) => index + 1))
    unsettled.takeRange(2, 8_192)
    expect(unsettled.places).toBe(16_384)
    expect([unsettled.takeRange(2, 8_192), unsettled.places, unsettled.size]).toEqual([[], 8_193, 8_193])
    expect([...unsettled.within(1, 8_194)]).toEqual(['item 1', 'item 8193', 'item 8194'])
  })

  test('is what a plain map would be', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), gap: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: fc.constant('take' as const), at: fc.nat(300) }),
      fc.record({ do: fc.constant('range' as const), at: fc.nat(300), length: fc.nat(20) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const unsettled = new Unsettled<number>()
        const model = new Map<number, number>()
        let seq = 0
        const inRange = (first: number, last: number): number[] =>
          [...model.keys()].filter((key) => key >= first && key <= last)
        for (const step of steps) {
          const found: unknown[] = []
          const expected: unknown[] = []
          if (step.do === 'push') {
            seq += step.gap
            unsettled.push(seq, seq)
            model.set(seq, seq)
          } else if (step.do === 'take') {
            expected.push(model.get(step.at), model.get(step.at))
            found.push(unsettled.get(step.at), unsettled.take(step.at))
            model.delete(step.at)
          } else {
            expected.push(...inRange(step.at, step.at + step.length))
            found.push(...unsettled.takeRange(step.at, step.at + step.length))
            for (const key of expected) model.delete(key as number)
          }
          expect(found).toEqual(expected)
          expect([unsettled.size, ...unsettled]).toEqual([model.size, ...model.values()])
        }
      }),
      { numRuns: 60 },
    )
  })
})
