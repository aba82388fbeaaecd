import { expect, test } from 'vitest'

import type { NodeChange } from '../message/tree.ts'
import { Below } from '../server/below.ts'
import type { ConnectedClient } from '../server/server-client.ts'
import { Branches } from './branches.ts'

const about = { tags: [], status: undefined, rtt: undefined, isRelay: false }
const there = (...path: string[]): NodeChange => ({ path, about, bytes: 20 })
const gone = (...path: string[]): NodeChange => ({ path, about: undefined, bytes: 20 })

/** A child of which nothing is known but what is below it. */
function child(id = 'child'): ConnectedClient {
  const client = { id, presence: 'here', status: undefined, rtt: undefined, isRelay: true, link: {} }
  const below = new Below(client as unknown as ConnectedClient, [])
  Object.assign(client, { below })
  Object.defineProperty(client, 'nodes', { get: () => below.nodes })
  return client as unknown as ConnectedClient
}

test('a node that went while its child was measured is told to be gone', () => {
  const client = child()
  const branches = new Branches()
  client.below.changeNodes([there('one'), there('two')])
  branches.changes(client, 'all')
  client.below.changeNodes([gone('one')])
  expect(branches.changes(client, 'all')).toEqual([{ path: ['child', 'one'], about: undefined }])
  expect(branches.all.map(({ path }) => path)).toEqual([['child'], ['child', 'two']])
})

test('a node that is too deep for a path is left out, and that is told', () => {
  const client = child()
  const branches = new Branches()
  const ids = Array.from({ length: 32 }, (_, depth) => `n${depth}`)
  client.below.changeNodes(ids.map((_, depth) => there(...ids.slice(0, depth + 1))))
  expect(branches.changes(client, 'all')).toHaveLength(32)
  expect(branches.isFull).toBe(true)
})

test('what was left out for want of room is told once there is some', () => {
  const [crowd, late] = [child('crowd'), child('late')]
  const branches = new Branches()
  crowd.below.changeNodes(Array.from({ length: 1_023 }, (_, index) => there(`n${index}`)))
  expect(branches.changes(crowd, 'all')).toHaveLength(1_024)
  expect(branches.changes(late, 'all')).toEqual([])
  crowd.below.changeNodes([gone('n7')])
  expect(branches.late()).toEqual([])
  expect(branches.changes(crowd, [['n7']])).toEqual([{ path: ['crowd', 'n7'], about: undefined }])
  expect(branches.late()).toEqual([{ path: ['late'], about: expect.anything() as unknown }])
  expect(branches.late()).toEqual([])
})
