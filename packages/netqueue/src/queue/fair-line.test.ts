import { expect, test } from 'vitest'

import { FairLine } from './fair-line.ts'
import type { Linked } from './linked-list.ts'

class Member implements Linked {
  before: Linked = this
  after: Linked = this
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  /** The first letter. */
  get party(): string {
    return this.name.charAt(0)
  }
}

function lineOf(names: string): { line: FairLine<Member>; members: Member[]; served: () => string } {
  const line = new FairLine<Member>()
  const members = names.split(' ').map((name) => new Member(name))
  for (const member of members) line.push(member, member.party)
  const served = (): string => {
    const all: string[] = []
    for (let next = line.shift(); next !== undefined; next = line.shift()) all.push(next.name)
    return all.join(' ')
  }
  return { line, members, served }
}

test('parties take turns, and their members come in order', () => {
  expect(lineOf('a1 a2 a3 b1 c1 c2').served()).toBe('a1 b1 c1 a2 c2 a3')
})

test('one party is a line like any other', () => {
  const { line, served } = lineOf('a1 a2 a3')
  expect(line.isEmpty).toBe(false)
  expect(served()).toBe('a1 a2 a3')
  expect([line.isEmpty, line.shift()]).toEqual([true, undefined])
})

test('a party that comes back has its turn behind those who are there', () => {
  const { line, served } = lineOf('a1 b1 b2')
  line.shift()
  line.push(new Member('a2'), 'a')
  expect(served()).toBe('b1 a2 b2')
})

test('those who leave are forgotten, and with the last of them their party', () => {
  const { line, members, served } = lineOf('a1 a2 b1 c1')
  const [a1, , b1, c1] = members
  for (const member of [b1, a1, c1, c1]) if (member !== undefined) line.remove(member, member.party)
  expect(served()).toBe('a2')
  for (const member of members) line.remove(member, member.party)
  expect(line.isEmpty).toBe(true)
})
