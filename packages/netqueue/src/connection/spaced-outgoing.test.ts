import { expect, test } from 'vitest'

import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { SpacedOutgoing } from './spaced-outgoing.ts'

interface Script {
  env: VirtualEnv
  due: (number | 'end')[]
  heard: (number | 'end')[]
  outgoing: SpacedOutgoing
}

/** A sink that takes each frame at once, with 10 ms between them. */
function script(): Script {
  const env = new VirtualEnv()
  const made: Script = { env, due: [], heard: [], outgoing: undefined as unknown as SpacedOutgoing }
  const nextFrame = (): Uint8Array | undefined | 'end' => {
    const next = made.due.shift()
    return typeof next === 'number' ? Uint8Array.of(next) : next
  }
  made.outgoing = new SpacedOutgoing(
    { env, keepOpen: false, hasMore: true, flushed: () => {}, saidAll: () => {}, nextFrame },
    10,
  )
  void (async () => {
    for await (const frame of made.outgoing) made.heard.push(frame.subarray()[0] as number)
    made.heard.push('end')
  })()
  return made
}

async function settle({ env }: Script): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) {
    env.advance(0)
    await Promise.resolve()
  }
}

async function say(script: Script, ...values: (number | 'end')[]): Promise<void> {
  script.due.push(...values)
  script.outgoing.wake()
  await settle(script)
}

test('the first frame leaves at once, each other one when the time behind the one before is up', async () => {
  const made = script()
  await say(made, 1, 2, 3)
  expect([made.heard, made.env.timers]).toEqual([[1], 1])
  made.env.advance(9)
  await settle(made)
  expect(made.heard).toEqual([1])
  made.env.advance(1)
  await settle(made)
  expect(made.heard).toEqual([1, 2])
  made.env.advance(10)
  await settle(made)
  expect(made.heard).toEqual([1, 2, 3])
})

test('a frame that comes up later than that waits for nothing', async () => {
  const made = script()
  await say(made, 1)
  made.env.advance(10)
  await settle(made)
  await say(made, 2)
  expect(made.heard).toEqual([1, 2])
})

test('the end stands behind the time, too', async () => {
  const made = script()
  await say(made, 1, 'end')
  expect(made.heard).toEqual([1])
  made.env.advance(10)
  await settle(made)
  expect([made.heard, made.env.timers]).toEqual([[1, 'end'], 0])
})

test('close() leaves no timer behind, and ends the stream', async () => {
  const made = script()
  await say(made, 1, 2)
  made.outgoing.close()
  expect(made.env.timers).toBe(0)
  await settle(made)
  expect([made.heard, made.env.timers]).toEqual([[1, 'end'], 0])
})

test('rest() lets go what is held up', async () => {
  const made = script()
  await say(made, 1, 2)
  made.outgoing.rest()
  await settle(made)
  expect(made.heard).toEqual([1, 2])
})
