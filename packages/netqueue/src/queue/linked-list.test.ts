import { describe, expect, test } from 'vitest'

import { isLinked, LinkedList, unlink } from './linked-list.ts'
import type { Linked } from './linked-list.ts'

class Node implements Linked {
  before: Linked = this
  after: Linked = this
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

  test.each([
    ['first', 'a', 'bc'],
    ['one in the middle', 'b', 'ac'],
    ['last', 'c', 'ab'],
  ])('lets the %s leave, once and again', (_which, name, rest) => {
    const list = listOf('a', 'b', 'c')
    const leaving = list.find((node) => node.name === name) as Node
    for (let times = 0; times < 2; times += 1) unlink(leaving)
    expect([isLinked(leaving), namesOf(list)]).toEqual([false, rest])
  })

  test('find() gives the first that matches, or nothing', () => {
    const list = listOf('a', 'b', 'c')
    expect(list.find(({ name }) => name > 'a')?.name).toBe('b')
    expect([list.find(({ name }) => name > 'c'), listOf().find(() => true)]).toEqual([undefined, undefined])
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
