import { describe, expect, test } from 'vitest'

import { Place } from '../../test/support/nodes.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { DelayedOutgoing } from './delayed-outgoing.ts'

interface Script {
  env: VirtualEnv
  due: number[]
  mayWait: boolean
  heard: number[]
  outgoing: DelayedOutgoing
}

/** A sink that takes each frame at once. */
function script(): Script {
  const env = new VirtualEnv()
  const made: Script = { env, due: [], mayWait: true, heard: [], outgoing: undefined as unknown as DelayedOutgoing }
  made.outgoing = new DelayedOutgoing(
    {
      env,
      keepOpen: false,
      hasMore: true,
      get mayWait() {
        return made.mayWait
      },
      flushed: () => {},
      saidAll: () => {},
      nextFrame: () => {
        const values = made.due.splice(0)
        return values.length === 0 ? undefined : Uint8Array.from(values)
      },
    },
    10,
  )
  void (async () => {
    for await (const frame of made.outgoing) made.heard.push(frame.byteLength)
  })()
  return made
}

async function settled({ env }: Script): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) {
    env.advance(0)
    await Promise.resolve()
  }
}

async function say(script: Script, value: number): Promise<void> {
  script.due.push(value)
  script.outgoing.wake()
  await settled(script)
}

describe('frames that wait for more', () => {
  test('leave together when the time of the first one is up', async () => {
    const made = script()
    await settled(made)
    await say(made, 1)
    made.env.advance(9)
    await say(made, 2)
    made.outgoing.wakeLater()
    await settled(made)
    expect([made.heard, made.env.timers]).toEqual([[], 1])
    made.env.advance(1)
    await settled(made)
    expect([made.heard, made.env.timers]).toEqual([[2], 0])
    await say(made, 3)
    made.env.advance(10)
    await settled(made)
    expect(made.heard).toEqual([2, 1])
  })

  test('leave at once when they are full', async () => {
    const made = script()
    await settled(made)
    await say(made, 1)
    made.outgoing.flush()
    await settled(made)
    expect([made.heard, made.env.timers]).toEqual([[1], 0])
  })

  test('leave at once when what is due may not wait, with what waited', async () => {
    const made = script()
    await settled(made)
    await say(made, 1)
    made.mayWait = false
    await say(made, 2)
    expect([made.heard, made.env.timers]).toEqual([[2], 0])
  })

  test.each(['close', 'rest'] as const)('leave no timer behind %s()', async (how) => {
    const made = script()
    await settled(made)
    await say(made, 1)
    made.outgoing[how]()
    expect(made.env.timers).toBe(0)
  })
})

describe('flushDelayMs', () => {
  test('holds messages of several turns until its time is up, and neither introductions nor goodbyes', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ flushDelayMs: 50 })
    const got: string[] = []
    void (async () => {
      for await (const item of server) got.push(item)
    })()
    await place.clock.rest()
    const one = client.put('one')
    await place.clock.rest()
    const two = client.put('two')
    await place.clock.rest()
    expect(got).toEqual([])
    place.clock.advance(50)
    await Promise.all([one, two])
    await place.clock.rest()
    expect(got).toEqual(['one', 'two'])
    const begun = place.clock.now()
    await place.pass(client.close())
    // That it leaves waits like all that it says; the goodbye behind that does not.
    expect(place.clock.now() - begun).toBe(50)
  })
})
