import { expect, test } from 'vitest'

import type { NodeChange } from '../message/tree.ts'
import { Below } from './below.ts'
import type { ServerClient } from './server-client.ts'

const about = { tags: [], status: undefined, rtt: undefined, isRelay: false }
const there = (...path: string[]): NodeChange => ({ path, about, bytes: 20 })
const gone = (...path: string[]): NodeChange => ({ path, about: undefined, bytes: 20 })

const below = (): Below => new Below({ id: 'client' } as unknown as ServerClient, [])
const ways = ({ nodes }: Below): string[] => nodes.map(({ way }) => way.join('/'))

test('a node that goes takes along all that is below it, and nothing beside it', () => {
  const all = below()
  all.changeNodes([there('a'), there('ab'), there('a', 'b'), there('a', 'b', 'c'), there('ab', 'b'), there('a', 'd')])
  const taken = [['a'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'd']].map((way) => all.find(way))
  all.changeNodes([gone('a')])
  expect(ways(all)).toEqual(['ab', 'ab/b'])
  expect(taken.map((node) => node?.isConnected)).toEqual([false, false, false, false])
  expect(all.find(['ab', 'b'])?.isConnected).toBe(true)
})

test('what went comes again as somebody else, below whom there is nobody yet', () => {
  const all = below()
  all.changeNodes([there('a'), there('a', 'b')])
  const before = all.find(['a', 'b'])
  all.changeNodes([gone('a'), there('a')])
  expect(ways(all)).toEqual(['a'])
  all.changeNodes([there('a', 'b'), gone('a', 'c'), gone('b')])
  expect([before?.isConnected, all.find(['a', 'b'])?.isConnected]).toEqual([false, true])
  all.changeNodes([gone('a', 'b'), gone('a', 'b')])
  expect(ways(all)).toEqual(['a'])
})

test('nodes that go, alone or with the one above them, leave their bytes to others', () => {
  const all = below()
  const half = { ...there('a', 'b'), bytes: 524_288 }
  for (let times = 0; times < 10; times += 1) all.changeNodes([there('a'), half, gone('a', 'b'), half, gone('a')])
  expect(() => all.changeNodes([there('a'), half, { ...half, path: ['a', 'c'] }])).toThrow('more than 1048576 bytes')
})

test('P8: 40,000 nodes come and go beside 1,000 others, with somebody below them and without', () => {
  const all = below()
  const deep = Array.from({ length: 7 }, (_, depth) => `${depth}`.padStart(120, 'x'))
  all.changeNodes(deep.map((_, depth) => there(...deep.slice(0, depth + 1))))
  all.changeNodes(Array.from({ length: 1_000 }, (_, index) => there(...deep, `${index}`)))
  // A look at all others for each of them would be one too many: together they would take minutes.
  const one = [...deep, 'x']
  const changes = [there(...one), gone(...one), there(...one), there(...one, 'y'), gone(...one)]
  for (let times = 0; times < 20_000; times += 1) all.changeNodes(changes)
  expect(all.nodes).toHaveLength(1_007)
})
