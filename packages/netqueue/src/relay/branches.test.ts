import { expect, test } from 'vitest'

import type { NodeChange } from '../message/tree.ts'
import { Below } from '../server/below.ts'
import type { ConnectedClient } from '../server/server-client.ts'
import { Branches } from './branches.ts'

const about = { tags: [], status: undefined, rtt: undefined, isRelay: false }
const there = (...path: string[]): NodeChange => ({ path, about, bytes: 20 })
const gone = (...path: string[]): NodeChange => ({ path, about: undefined, bytes: 20 })

/** A child of which nothing is known but what is below it. */
function child(): ConnectedClient {
  const client = { id: 'child', presence: 'here', status: undefined, rtt: undefined, isRelay: true, link: {} }
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
