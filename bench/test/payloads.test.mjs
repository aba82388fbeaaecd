// @ts-check
import { describe, expect, test } from 'vitest'

import { bytePayloads, Checker, SMALL_STRIDE } from '../workloads/common/payloads.mjs'

const BYTES = 16
const kind = bytePayloads(BYTES)

/** The payload that is sent as so-manieth. @param {number} index */
function sent(index) {
  return /** @type {Uint8Array} */ (kind.cycle[index % kind.cycle.length])
}

/**
 * A checker that took so many.
 * @param {number} count
 * @param {{ ordered?: boolean }} [options]
 */
function checkerAfter(count, { ordered = true } = {}) {
  const checker = new Checker({ kind, ordered })
  for (let index = 0; index < count; index += 1) checker.took(sent(index))
  return checker
}

describe('a checker', () => {
  test('counts what it took', () => {
    expect(checkerAfter(0).count).toBe(0)
    expect(checkerAfter(SMALL_STRIDE - 1).count).toBe(SMALL_STRIDE - 1)
    expect(checkerAfter(SMALL_STRIDE).count).toBe(SMALL_STRIDE)
    expect(checkerAfter(3 * SMALL_STRIDE + 7).count).toBe(3 * SMALL_STRIDE + 7)
  })

  test('counts what another process took', () => {
    const checker = checkerAfter(5)
    checker.took.many(1_000)
    expect(checker.count).toBe(1_005)
  })

  test('looks at the clock once for each stride', () => {
    /** @type {number[]} */
    const counts = []
    const checker = new Checker({ kind, ordered: true, looked: (_, count) => counts.push(count) })
    for (let index = 0; index < 2 * SMALL_STRIDE; index += 1) checker.took(sent(index))
    expect(counts).toEqual([SMALL_STRIDE, 2 * SMALL_STRIDE])
  })

  test.each([
    ['shorter', sent(3).subarray(1)],
    ['longer', Uint8Array.of(...sent(3), 0)],
    ['empty', new Uint8Array()],
  ])('refuses an item that is %s', (_, item) => {
    expect(() => checkerAfter(3).took(item)).toThrow(/^Item 4 has/)
    expect(() => checkerAfter(3, { ordered: false }).took(item)).toThrow(/^Item 4 has/)
  })

  test('refuses an index that is not in the cycle', () => {
    const item = sent(3).with(0, kind.cycle.length)
    expect(() => checkerAfter(3).took(item)).toThrow(/^Item 4 has/)
    expect(() => checkerAfter(3, { ordered: false }).took(item)).toThrow(/^Item 4 has/)
  })

  test('refuses an item that was left out, came twice, or came before its turn', () => {
    expect(() => checkerAfter(3).took(sent(4))).toThrow('Item 4 has 16 bytes and index 4, not 16 bytes and index 3')
    expect(() => checkerAfter(3).took(sent(2))).toThrow(/^Item 4 has/)
    expect(() => checkerAfter(0).took(sent(1))).toThrow(/^Item 1 has/)
  })

  test('takes items in any order where several workers share them', () => {
    const checker = checkerAfter(3, { ordered: false })
    checker.took(sent(50))
    checker.took(sent(1))
    expect(checker.count).toBe(5)
  })

  test.each([true, false])('refuses one item of each stride that differs in any byte, ordered: %s', (ordered) => {
    const checker = checkerAfter(SMALL_STRIDE - 1, { ordered })
    const item = sent(SMALL_STRIDE - 1)
    expect(() => checker.took(item.with(BYTES - 1, 0xff))).toThrow('Item 251 is not what was sent')
  })

  test('tells what it refused to those who swallow what a listener throws, too', async () => {
    const checker = checkerAfter(1)
    expect(() => checker.took(sent(5))).toThrow('Item 2')
    await expect(checker.failure).rejects.toThrow('Item 2')
  })
})

test.each([16, 128, 1_024, 65_536])('each payload of %i bytes has its turn to be looked at as a whole', (bytes) => {
  const { cycle, stride } = bytePayloads(bytes)
  const looked = new Set(cycle.map((_, look) => ((look + 1) * stride - 1) % cycle.length))
  expect(looked.size).toBe(cycle.length)
})
