import { expect, test } from 'vitest'

import { VirtualEnv } from '../test/support/virtual-env.ts'
import { Calls } from './calls.ts'
import type { Conversation } from './conversation.ts'
import { limitsFrom } from './options/limits.ts'
import { Talk } from './talk.ts'

/** A connection that counts how often it is told that no more requests come. */
function conversationWith(told: string[], name: string): Conversation {
  const exchange = { endRequests: async () => void told.push(name) }
  return { requests: 0, exchange, link: { peer: { supports: { request: true } } } } as unknown as Conversation
}

test('a client that has ended its requests tells each server once, those of later connections too', async () => {
  const env = new VirtualEnv()
  const options = { env, options: {}, limits: limitsFrom(), events: [], warn: () => {}, worked: () => {} }
  const told: string[] = []
  const open: Conversation[] = [conversationWith(told, 'first')]
  const calls = new Calls({
    env,
    talk: new Talk(options),
    begun: () => open,
    choose: () => open[0],
    checkOpen: () => {},
  })
  calls.opened(conversationWith(told, 'too early'))
  await calls.endRequests()
  calls.opened(conversationWith(told, 'second'))
  expect(told).toEqual(['first', 'second'])
})
