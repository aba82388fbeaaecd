import { expect, test } from 'vitest'

import type { ConnectedClient } from '../server/server-client.ts'
import { KnownNames } from './names.ts'

const child = (names: string[]): ConnectedClient => ({ names, isRelay: false }) as unknown as ConnectedClient
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `name:${index}`)

test('a name is known as long as one child defines it, unless the relay itself does', () => {
  const known = new KnownNames(new Set(['own']))
  const [one, two] = [child(['own', 'a']), child(['a', 'b'])]
  known.came(one)
  known.came(two)
  expect([known.look(), ...known.told]).toEqual([true, 'a', 'b'])
  known.left(two)
  expect([known.look(), ...known.told]).toEqual([true, 'a'])
  known.left(one)
  known.came(one)
  expect(known.look()).toBe(false)
})

test('of more than 1,024 names the others are told once there is room', () => {
  const known = new KnownNames(new Set())
  const [first, second] = [child(numbered(1_024)), child(['another'])]
  known.came(first)
  known.came(second)
  expect([known.look(), known.told.size, known.isFull, known.told.has('another')]).toEqual([true, 1_024, true, false])
  expect(known.look()).toBe(false)
  known.left(first)
  expect([known.look(), ...known.told]).toEqual([true, 'another'])
})
