import { expect, test } from 'vitest'

import { usedHeap } from '../../test/support/heap.ts'
import type { ConnectedClient } from '../server/server-client.ts'
import { KnownNames } from './names.ts'

const child = (names: string[]): ConnectedClient => ({ names, isRelay: false }) as unknown as ConnectedClient
const relay = (names: string[] = []): ConnectedClient => ({ names, isRelay: true }) as unknown as ConnectedClient
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

test('names below a relay come and go beside its own, and go with it', () => {
  const known = new KnownNames(new Set())
  const [one, two] = [relay(['own']), relay()]
  for (const client of [one, two]) known.came(client)
  const more = ['own', 'a', 'b'].map((name) => ({ name, isKnown: true }))
  for (const client of [one, two]) known.changed(client, more)
  known.changed(one, more)
  expect([known.look(), ...known.told]).toEqual([true, 'own', 'a', 'b'])
  known.changed(one, [
    { name: 'own', isKnown: false },
    { name: 'a', isKnown: false },
    { name: 'a', isKnown: false },
    { name: 'another', isKnown: false },
  ])
  expect(known.look()).toBe(false)
  known.left(two)
  expect([known.look(), ...known.told]).toEqual([true, 'own', 'b'])
  known.left(one)
  expect([known.look(), ...known.told]).toEqual([true])
})

test('P8: a relay tells of 100,000 changes, one by one, and no name that stays is looked at for them', () => {
  const known = new KnownNames(new Set())
  let looks = 0
  const looked = (): string[] => {
    looks += 1
    return numbered(1_000)
  }
  const client = Object.defineProperty(relay(), 'names', { get: looked })
  known.came(client)
  for (let times = 0; times < 50_000; times += 1)
    for (const isKnown of [true, false]) known.changed(client, [{ name: 'x', isKnown }])
  known.left(client)
  expect([looks, known.look()]).toEqual([1, false])
})

test('P7: names that come and go while nobody looks, as without a parent, are not kept', async () => {
  const known = new KnownNames(new Set())
  const client = relay()
  known.came(client)
  const before = await usedHeap()
  for (let times = 0; times < 200_000; times += 1)
    for (const isKnown of [true, false]) known.changed(client, [{ name: `name:${times}`, isKnown }])
  // Any of them would take 40 bytes at least.
  expect((await usedHeap()) - before).toBeLessThan(4 * 1_048_576)
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
