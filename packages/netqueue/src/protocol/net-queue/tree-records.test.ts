import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { MAX_ABOUT_BYTES } from '../../message/tree.ts'
import type { NameChange, ToldNode } from '../../message/tree.ts'
import type { Message, Writer } from '../message.ts'
import { newReader, newWriter } from '../../../test/support/records.ts'

const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => text.replaceAll(/\p{Cc}/gu, '-'))
const path = fc.array(id, { minLength: 1, maxLength: 8 })
const about = fc.record({
  tags: fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 }),
  status: fc.option(fc.oneof(fc.string({ maxLength: 3_000 }), fc.record({ load: fc.nat() })), { nil: undefined }),
  rtt: fc.option(fc.nat(1_000), { nil: undefined }),
  isRelay: fc.boolean(),
})
const node = fc.record({ path, about: fc.option(about, { nil: undefined }) })

/** What a reader makes of all frames that it takes to write something, and how many those are. */
function across(fill: (writer: Writer) => void): { messages: Message[]; frames: number } {
  const [writer, reader] = [newWriter(), newReader()]
  const messages: Message[] = []
  let frames = 0
  for (let frame = writer.build(fill); frame !== undefined; frame = writer.build(fill)) {
    expect(frame.byteLength + 4).toBeLessThanOrEqual(61_440)
    reader.read(frame.subarray().subarray(2), (message) => messages.push(message))
    frames += 1
  }
  expect(reader.ordered).toBe(writer.sentRecords)
  return { messages, frames }
}

describe('what a writer tells of a tree, a reader hears', () => {
  test('changes of nodes, in order, over as many frames as it takes', () => {
    fc.assert(
      fc.property(fc.array(node, { maxLength: 60 }), (changes) => {
        const left: ToldNode[] = [...changes]
        const { messages } = across((writer) => void (left.length > 0 && writer.nodes?.(left)))
        const heard = messages.flatMap((message) => (message.type === 'nodes' ? message.changes : []))
        expect(heard.map(({ path: way, about: told }) => ({ path: way, about: told }))).toEqual(changes)
      }),
      { numRuns: 100 },
    )
  })

  test('small changes share frames: a thousand take but one or two', () => {
    const left: ToldNode[] = Array.from({ length: 1_000 }, (_, index) => ({
      path: ['lower', `leaf-${index}`],
      about: { tags: [], status: undefined, rtt: 1, isRelay: false },
    }))
    expect(across((writer) => void (left.length > 0 && writer.nodes?.(left))).frames).toBeLessThanOrEqual(2)
  })

  test('names, and ancestors beside them', () => {
    const names: NameChange[] = Array.from({ length: 1_000 }, (_, n) => ({
      name: 'n'.repeat(100) + n,
      isKnown: n % 2 === 0,
    }))
    const left = [...names]
    let ids: string[] | undefined = Array.from({ length: 200 }, (_, n) => `ancestor ${n}`)
    const { messages } = across((writer) => {
      if (left.length > 0) writer.names?.(left)
      if (ids !== undefined && writer.ancestry?.(ids) === true) ids = undefined
    })
    expect(messages.flatMap((message) => (message.type === 'names' ? message.changes : []))).toEqual(names)
    expect(messages.filter(({ type }) => type === 'ancestry')).toHaveLength(1)
  })

  test('what is too long for a place in the tree goes without its status, then without its tags', () => {
    const tags = Array.from({ length: 100 }, () => 't'.repeat(100))
    const told = (status: unknown, all: string[]): ToldNode => ({
      path: ['a'],
      about: { tags: all, status, rtt: 1, isRelay: true },
    })
    const left = [told('s'.repeat(4_000), tags), told('s', [...tags, 't'.repeat(MAX_ABOUT_BYTES)])]
    const { messages } = across((writer) => void (left.length > 0 && writer.nodes?.(left)))
    const heard = messages.flatMap((message) => (message.type === 'nodes' ? message.changes : []))
    expect(heard.map(({ about: one }) => one)).toEqual([
      { tags, status: undefined, rtt: 1, isRelay: true },
      { tags: [], status: undefined, rtt: 1, isRelay: true },
    ])
  })

  test('P8: a status that is longer than one may be goes unsaid: the node above would refuse all that is told', () => {
    const about = (status: unknown): ToldNode['about'] => ({ tags: [], status, rtt: 1, isRelay: false })
    // In Latin letters it has room, and as bytes it has not.
    const left = ['s'.repeat(4_094), 's'.repeat(4_095), 'ü'.repeat(4_000)].map((status, index) => ({
      path: [`leaf-${index}`],
      about: about(status),
    }))
    const { messages } = across((writer) => void (left.length > 0 && writer.nodes?.(left)))
    const heard = messages.flatMap((message) => (message.type === 'nodes' ? message.changes : []))
    expect(heard.map(({ about: one }) => one?.status?.toString().length)).toEqual([4_094, undefined, undefined])
  })

  test.each([2 ** 32, Number.MAX_VALUE, -1])('P8: a time of %d ms to a node is refused', (rtt) => {
    const left: ToldNode[] = [{ path: ['a'], about: { tags: [], status: undefined, rtt, isRelay: false } }]
    expect(() => across((writer) => void (left.length > 0 && writer.nodes?.(left)))).toThrow(
      expect.objectContaining({ code: 'BAD_MESSAGE' }),
    )
  })
})
