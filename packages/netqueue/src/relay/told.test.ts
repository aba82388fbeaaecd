import { expect, test } from 'vitest'

import type { NameChange } from '../message/tree.ts'
import type { Writer } from '../protocol/message.ts'
import { Told } from './told.ts'

/** Takes so many names in a frame, and keeps them. */
function writing(most: number): { writer: Writer; written: () => string[] } {
  const taken: NameChange[] = []
  const writer: Partial<Writer> = {
    nodes: () => true,
    names: (changes) => {
      taken.push(...changes.splice(0, most))
      return changes.length === 0
    },
  }
  const written = (): string[] => taken.splice(0).map(({ name, isKnown }) => (isKnown ? name : `-${name}`))
  return { writer: writer as Writer, written }
}

function told(names: Set<string>): Told {
  return new Told(() => {}, { everything: () => [], names, longest: undefined })
}

test('names that came and went while the parent was away are not told, and kept nowhere', () => {
  const names = new Set(['a'])
  const mail = told(names)
  const { writer, written } = writing(100)
  expect([mail.fill(writer), written()]).toEqual([true, ['a']])
  for (let cycle = 0; cycle < 1_000; cycle += 1) {
    names.add(`${cycle}`)
    mail.tell([], { hasNewNames: true })
    names.delete(`${cycle}`)
    mail.tell([], { hasNewNames: true })
  }
  names.add('b')
  names.delete('a')
  mail.tell([], { hasNewNames: true })
  expect([mail.fill(writer), written()]).toEqual([true, ['-a', 'b']])
})

test('what does not fit into a frame is told in the next one', () => {
  const mail = told(new Set(['a', 'b', 'c']))
  const { writer, written } = writing(2)
  expect([mail.fill(writer), written()]).toEqual([false, ['a', 'b']])
  expect([mail.fill(writer), written()]).toEqual([true, ['c']])
})
