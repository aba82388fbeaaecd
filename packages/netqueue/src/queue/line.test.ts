import { expect, test } from 'vitest'
import { Line } from './line.ts'

function served<T>(line: Line<T>): (T | undefined)[] {
  const values = []
  while (!line.empty) values.push(line.shift())
  return values
}

test('serves in the order of joining', () => {
  const line = new Line<string>()
  for (const name of 'abc') line.join(name)
  expect(served(line)).toEqual(['a', 'b', 'c'])
  line.join('d')
  expect(served(line)).toEqual(['d'])
})

test.each([
  ['first', 0, ['b', 'c']],
  ['one in the middle', 1, ['a', 'c']],
  ['last', 2, ['a', 'b']],
])('the %s can leave', (_who, index, rest) => {
  const line = new Line<string>()
  const places = ['a', 'b', 'c'].map((name) => line.join(name))
  line.leave(places[index] as (typeof places)[0])
  expect(served(line)).toEqual(rest)
})

test('leaving twice, or after being served, does nothing', () => {
  const line = new Line<string>()
  const [a, b] = [line.join('a'), line.join('b')]
  line.shift()
  line.join('c')
  for (const place of [b, a, b, a]) line.leave(place)
  expect(served(line)).toEqual(['c'])
})

test('an empty line serves nobody', () => {
  const line = new Line<string>()
  expect([line.empty, line.shift(), line.empty]).toEqual([true, undefined, true])
})
