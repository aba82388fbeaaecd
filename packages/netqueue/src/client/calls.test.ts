import { describe, expect, test } from 'vitest'

import { observe, rest } from '../../test/support/nodes.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Calls } from './calls.ts'
import type { Conversation } from '../endpoint/conversation.ts'
import { limitsFrom } from '../options/limits.ts'
import { Talk } from '../endpoint/talk.ts'
import { native } from '../protocol/net-queue/net-queue.ts'

/** A connection that notes when it is told that no more requests come. */
function conversationWith(told: Set<string>, name: string): Conversation & { asking: number } {
  return {
    asking: 0,
    checkSupported: () => {},
    endRequests: async () => void told.add(name),
  } as unknown as Conversation & { asking: number }
}

function begin(open: Conversation[]): Calls {
  const env = new VirtualEnv()
  const on = { warn: () => {}, worked: () => {} }
  const talk = new Talk({ env, options: {}, limits: limitsFrom(), events: [], protocol: native(), ...on })
  return new Calls({
    env,
    talk,
    begun: () => open,
    choose: () => open[0],
    conversationOf: () => open[0],
    checkOpen: () => {},
  })
}

describe('endRequests() of a client', () => {
  test('tells each server, those of later connections too', async () => {
    const told = new Set<string>()
    const open = [conversationWith(told, 'first')]
    const calls = begin(open)
    calls.opened()
    expect(told.size).toBe(0)
    await calls.endRequests()
    open.push(conversationWith(told, 'second'))
    calls.opened()
    expect([...told]).toEqual(['first', 'second'])
  })

  test('tells nobody before no request can need a server any more', async () => {
    const told = new Set<string>()
    const [first, second] = [conversationWith(told, 'first'), conversationWith(told, 'second')]
    const calls = begin([first, second])
    first.asking = 1
    const ended = observe(() => calls.endRequests())
    await rest()
    expect([ended(), told.size]).toEqual(['waits', 0])
    first.asking = 0
    calls.check()
    await rest()
    expect([ended(), [...told]]).toEqual(['resolves', ['first', 'second']])
  })
})
