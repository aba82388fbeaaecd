import { describe, expect, test } from 'vitest'

import { isLinked, LinkedList, unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'

class Node implements Linked {
  previous: Linked = this
  next: Linked = this
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

const listOf = (...names: string[]): LinkedList<Node> => {
  const list = new LinkedList<Node>()
  for (const name of names) list.push(new Node(name))
  return list
}
const namesOf = (list: LinkedList<Node>): string => [...list].map(({ name }) => name).join('')

describe('a linked list', () => {
  test('gives back what was put in, the first first', () => {
    const list = listOf('b', 'c')
    list.unshift(new Node('a'))
    expect(namesOf(list)).toBe('abc')
    expect([list.shift()?.name, list.shift()?.name, list.shift()?.name, list.shift()?.name]).toEqual([
      'a',
      'b',
      'c',
      undefined,
    ])
    expect(list.first).toBeUndefined()
  })

  test('lets a member leave from the middle, once and again', () => {
    const [first, second] = [new Node('a'), new Node('b')]
    const list = listOf()
    for (const node of [first, second]) list.push(node)
    unlink(first)
    unlink(first)
    expect(isLinked(first)).toBe(false)
    expect(isLinked(second)).toBe(true)
    expect(namesOf(list)).toBe('b')
  })

  test('prepend() moves all members of another in front, and leaves the other empty and usable', () => {
    const list = listOf('c')
    const other = listOf('a', 'b')
    list.prepend(other)
    list.prepend(other)
    expect([namesOf(list), namesOf(other)]).toEqual(['abc', ''])
    other.push(new Node('d'))
    expect([namesOf(list), namesOf(other)]).toEqual(['abc', 'd'])
  })

  test('survives that the member just handed out leaves', () => {
    const list = listOf('a', 'b', 'c')
    for (const node of list) if (node.name !== 'b') unlink(node)
    expect(namesOf(list)).toBe('b')
  })
})
