import { describe, expect, test } from 'vitest'

import { unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Lanes } from './lanes.ts'
import type { ExchangeWriter, Mail } from './mail.ts'

/** A frame for so many records, and what is in it; lanes may have none of their own. */
class Frame {
  readonly written: string[] = []
  readonly #places: number
  readonly #blocked: string

  constructor(places: number, blocked = '-') {
    this.#places = places
    this.#blocked = blocked
  }

  write(name: string): boolean {
    if (this.written.length >= this.#places || name.startsWith(this.#blocked)) return false
    this.written.push(name)
    return true
  }

  get writer(): ExchangeWriter {
    return this as unknown as ExchangeWriter
  }
}

class Record implements Mail {
  before: Linked = this
  after: Linked = this
  readonly name: string
  readonly #then: () => void

  constructor(name: string, then: () => void = () => {}) {
    this.name = name
    this.#then = then
  }

  write(writer: ExchangeWriter): boolean {
    if (!(writer as unknown as Frame).write(this.name)) return false
    this.#then()
    return true
  }
}

function lanesOf(): { lanes: Lanes; calls: string[] } {
  const calls: string[] = []
  const lanes = new Lanes({ wake: () => calls.push('wake'), flush: () => calls.push('flush') })
  return { lanes, calls }
}

function post(lanes: Lanes, ...names: string[]): void {
  for (const name of names) lanes.post((name.codePointAt(0) as number) - 97, new Record(name))
}

function fill(lanes: Lanes, places = 100, blocked?: string): { written: string[]; isAll: boolean } {
  const frame = new Frame(places, blocked)
  const isAll = lanes.fill(frame.writer)
  return { written: frame.written, isAll }
}

describe('lanes', () => {
  test('take turns, record by record; each keeps its order', () => {
    const { lanes } = lanesOf()
    post(lanes, 'a1', 'a2', 'a3', 'b1', 'c1', 'c2')
    expect(fill(lanes)).toEqual({ written: ['a1', 'b1', 'c1', 'a2', 'c2', 'a3'], isAll: true })
    expect(lanes.isEmpty).toBe(true)
  })

  test.each([0, 1, 2, 5, 6, 7])('go on in the next frame where a frame of %i ended: nobody starves', (places) => {
    const { lanes } = lanesOf()
    post(lanes, 'a1', 'a2', 'a3', 'b1', 'c1', 'c2')
    const first = fill(lanes, places)
    expect(first.isAll).toBe(places >= 6)
    expect(lanes.isEmpty).toBe(places >= 6)
    expect([...first.written, ...fill(lanes).written]).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
  })

  test('one that takes nothing now holds up no other', () => {
    const { lanes } = lanesOf()
    post(lanes, 'a1', 'a2', 'b1', 'b2')
    expect(fill(lanes, 100, 'a')).toEqual({ written: ['b1', 'b2'], isAll: false })
    expect(fill(lanes)).toEqual({ written: ['a1', 'a2'], isAll: true })
  })

  test('mail that leaves is not written, and leaves no gap', () => {
    const { lanes } = lanesOf()
    const second = new Record('a2')
    post(lanes, 'a1')
    lanes.post(0, second)
    post(lanes, 'a3', 'b1')
    unlink(second)
    expect(fill(lanes).written).toEqual(['a1', 'b1', 'a3'])
    lanes.post(0, second)
    unlink(second)
    expect([lanes.isEmpty, fill(lanes)]).toEqual([true, { written: [], isAll: true }])
  })

  test('what is posted while a frame is filled goes to the end, in the same frame if there is room', () => {
    const { lanes } = lanesOf()
    lanes.post(0, new Record('a1', () => post(lanes, 'a3', 'b2')))
    post(lanes, 'a2', 'b1')
    expect(fill(lanes, 4)).toEqual({ written: ['a1', 'b1', 'a2', 'b2'], isAll: false })
    expect(fill(lanes)).toEqual({ written: ['a3'], isAll: true })
  })

  test.each([
    [63, 0, 0],
    [64, 0, 1],
    [65, 0, 1],
    [128, 0, 2],
    [1, 49_151, 0],
    [1, 49_152, 1],
    [2, 24_576, 1],
  ])('wake with each record, and flush with a frame’s worth: %i of %i bytes, %i times', (count, bytes, flushes) => {
    const { lanes, calls } = lanesOf()
    for (let index = 0; index < count; index += 1) lanes.post(0, new Record('a'), bytes)
    expect(calls.filter((call) => call === 'flush')).toHaveLength(flushes)
    expect(calls.filter((call) => call === 'wake')).toHaveLength(count)
  })

  test('count anew after each frame', () => {
    const { lanes, calls } = lanesOf()
    for (let index = 0; index < 63; index += 1) lanes.post(0, new Record('a'))
    fill(lanes)
    lanes.post(0, new Record('a'))
    expect(calls).not.toContain('flush')
  })
})
