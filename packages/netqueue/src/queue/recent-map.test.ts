import { expect, test } from 'vitest'
import { RecentMap } from './recent-map.ts'

test('it is a map, whatever was asked for last', () => {
  const map = new RecentMap([
    ['a', 1],
    ['b', 2],
  ])
  expect([map.get('a'), map.get('a'), map.get('b'), map.get('c'), map.get('c'), map.size]).toEqual([
    1,
    1,
    2,
    undefined,
    undefined,
    2,
  ])
  map.set('c', 3)
  expect([map.get('c'), [...map.keys()]]).toEqual([3, ['a', 'b', 'c']])
  map.set('c', 4)
  expect(map.get('c')).toBe(4)
  expect([map.delete('c'), map.get('c'), map.delete('c')]).toEqual([true, undefined, false])
  expect(map.get('a')).toBe(1)
  map.clear()
  expect([map.get('a'), map.size]).toEqual([undefined, 0])
})

test('a value that is undefined is found to be there', () => {
  const map: RecentMap<string, number | undefined> = new RecentMap([['a', undefined]])
  expect([map.get('a'), map.has('a'), map.get('b'), map.has('b')]).toEqual([undefined, true, undefined, false])
})
