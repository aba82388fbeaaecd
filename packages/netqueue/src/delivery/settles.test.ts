import { beforeEach, describe, expect, test } from 'vitest'

import { Recorder } from '../../test/support/recorder.ts'
import type { Written } from '../../test/support/recorder.ts'
import { Settles } from './settles.ts'

let ordinal: number
let settles: Settles

beforeEach(() => {
  ordinal = 0
  settles = new Settles(() => ordinal)
})

function fill({ oldest = Number.POSITIVE_INFINITY, places = Number.POSITIVE_INFINITY } = {}): Written[] {
  return fillInto(new Recorder(places), oldest)
}

function fillInto(writer: Recorder, oldest: number): Written[] {
  settles.fill(writer, oldest)
  return writer.written
}

describe('settles', () => {
  test('of neighbours make one range, those of one outcome one record', () => {
    for (const seq of [1, 2, 3, 7]) settles.add(seq, 'done')
    settles.add(8, 'released')
    expect(fill()).toEqual([
      ['settle', 'done', 1, 3, 7, 1],
      ['settle', 'released', 8, 1],
    ])
    expect(fill()).toEqual([])
  })

  test('and answers leave in the order in which they were made', () => {
    settles.add(1, 'done')
    settles.answer({ kind: 'result', seq: 2, value: undefined })
    settles.answer({ kind: 'failed', seq: 3, code: 'A', reason: 'b' })
    settles.answer({ kind: 'reject', seq: 4, code: 'C', reason: '' })
    settles.add(6, 'done')
    expect(fill()).toEqual([
      ['settle', 'done', 1, 1],
      ['result', 2, undefined],
      ['failed', 3, 'A', 'b'],
      ['reject', 4, 'C', ''],
      ['settle', 'done', 6, 1],
    ])
  })

  test('follow whatever asks for more time, which waits for no put and is said once', () => {
    ordinal = 7
    settles.add(5, 'done')
    for (const seq of [5, 6, 5]) settles.extend(seq)
    expect(fill({ oldest: 7, places: 1 })).toEqual([['extend', 5]])
    expect(fill({ oldest: 7 })).toEqual([['extend', 6]])
    expect(fill()).toEqual([['settle', 'done', 5, 1]])
    settles.extend(6)
    expect(fill()).toEqual([['extend', 6]])
  })

  test('that do not fit wait for the next frame, and nothing gets lost in between', () => {
    settles.add(1, 'done')
    settles.answer({ kind: 'result', seq: 2, value: undefined })
    settles.add(3, 'released')
    const frames = [fill({ places: 1 }), fill({ places: 0 }), fill({ places: 1 }), fill({ places: 5 })]
    expect(frames).toEqual([[['settle', 'done', 1, 1]], [], [['result', 2, undefined]], [['settle', 'released', 3, 1]]])
  })
})

describe('P4: a settle does not overtake a put of its side', () => {
  test('that came before it', () => {
    settles.add(1, 'done')
    ordinal = 5
    settles.add(3, 'done')
    expect(fill({ oldest: 5 })).toEqual([['settle', 'done', 1, 1]])
    expect(fill({ oldest: 6 })).toEqual([['settle', 'done', 3, 1]])
  })

  test('and answers do not either', () => {
    ordinal = 1
    settles.answer({ kind: 'result', seq: 1, value: undefined })
    expect(fill({ oldest: 1 })).toEqual([])
    expect(fill({ oldest: 2 })).toHaveLength(1)
  })

  test('a range does not grow for ever over puts that never cease', () => {
    for (let seq = 1; seq <= 1_000; seq += 1) {
      ordinal = seq
      settles.add(seq, 'done')
    }
    const [settled] = fill({ oldest: 500 })
    expect(settled?.[3]).toBeGreaterThan(400)
    expect(settled?.[3]).toBeLessThan(500)
  })
})
