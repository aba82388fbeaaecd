import { expect, test } from 'vitest'

import { Clock } from '../../test/support/nodes.ts'
import { CheckedHeaders } from '../message/headers.ts'
import type { Headers } from '../message/headers.ts'
import { Lanes } from './lanes.ts'
import { requestLimitDefaults } from './limits.ts'
import type { ExchangeWriter } from './mail.ts'
import { Posts } from './posts.ts'
import type { Side } from './side.ts'

/** Posts to one peer, and the headers of what is written to it. */
function postsOf(maxItemBytes = 100): { posts: Posts; written: () => (Headers | undefined)[] } {
  const env = new Clock()
  const lanes = new Lanes({ wake: () => {}, flush: () => {} })
  const side: Partial<Side> = {
    env,
    limits: { ...requestLimitDefaults, maxWaiting: 1 },
    lanes,
    vocabulary: { idOf: () => 16, nameOf: () => undefined, encode: () => new Uint8Array(0), decode: () => undefined },
    maxItemBytes,
    checkOpen: () => {},
    checkSupports: () => {},
    changed: () => {},
  }
  const posts = new Posts(side as Side)
  const written = (): (Headers | undefined)[] => {
    const all: (Headers | undefined)[] = []
    const message: ExchangeWriter['message'] = ({ headers }) => all.push(headers) > 0
    const frame = { writer: { message } as ExchangeWriter }
    lanes.fill(frame.writer)
    return all
  }
  return { posts, written }
}

test('headers that were checked are for all peers the same: they are neither checked nor copied again', () => {
  const headers = new CheckedHeaders({ lang: 'en' })
  const peers = [postsOf(), postsOf()]
  for (const { posts } of peers) expect(posts.trySendEncoded('news', new Uint8Array(1), headers)).toBe(true)
  for (const { written } of peers) expect(written()[0]).toBe(headers.headers)
})

test('headers that were checked count with the payload', () => {
  // A count, two lengths, a name of four bytes, whether there is a value, and two bytes of it: 10.
  const headers = new CheckedHeaders({ lang: 'en' })
  const send = (maxItemBytes: number): boolean =>
    postsOf(maxItemBytes).posts.trySendEncoded('news', new Uint8Array(3), headers)
  expect(() => send(12)).toThrow('maxItemBytes')
  expect(send(13)).toBe(true)
})

test('nothing is said beside a message without headers', () => {
  const { posts, written } = postsOf()
  posts.trySendEncoded('news', new Uint8Array(1))
  posts.trySendEncoded('news', new Uint8Array(1), new CheckedHeaders({}))
  expect(written()).toEqual([undefined, undefined])
})

test('P11: a call that its own headers give up, where it would wait, takes no place in the line', async () => {
  const { posts } = postsOf(requestLimitDefaults.maxUnsentBytes)
  expect(posts.trySendEncoded('news', new Uint8Array(requestLimitDefaults.maxUnsentBytes))).toBe(true)
  const caller = new AbortController()
  const headers = {
    get lang() {
      caller.abort(new Error('mine'))
      return 'en'
    },
  }
  await expect(posts.sendEncoded('news', new Uint8Array(1), { headers, signal: caller.signal })).rejects.toThrow('mine')
  expect(posts.size).toBe(1)
})
