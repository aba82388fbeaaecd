import { describe, expect, test } from 'vitest'
import { Clock } from '../../test/support/nodes.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { host } from '../env/host.ts'
import { Outgoing } from './outgoing.ts'

interface Script {
  env: VirtualEnv
  due: (Uint8Array | 'end' | Error)[]
  /** Whether the source says that there may be more. */
  hasMore: boolean
  asked: number
  /** Called while a frame is made. */
  onAsked: () => void
  flushes: number
  hasSaidAll: boolean
  outgoing: Outgoing
}

function script(keepOpen: boolean = false): Script {
  const made: Partial<Script> = {
    env: new VirtualEnv(),
    due: [],
    hasMore: true,
    asked: 0,
    onAsked: () => {},
    flushes: 0,
    hasSaidAll: false,
  }
  made.outgoing = new Outgoing({
    env: made.env as VirtualEnv,
    keepOpen,
    get hasMore() {
      return made.hasMore === true
    },
    flushed: () => (made.flushes = (made.flushes as number) + 1),
    saidAll: () => (made.hasSaidAll = true),
    nextFrame: () => {
      made.asked = (made.asked as number) + 1
      made.onAsked?.()
      const next = made.due?.shift()
      if (next instanceof Error) throw next
      return next
    },
  })
  return made as Script
}

/** One that tells when it has said all. */
function outspoken(): Script {
  return Object.assign(script(), { hasMore: false })
}

const frame = (value: number): Uint8Array => Uint8Array.of(value)

describe('frames as the sink asks for them', () => {
  test('a sink that asks gets what is due at the end of the turn', async () => {
    const { env, outgoing, due } = script()
    const answer = outgoing.next()
    due.push(frame(1))
    env.advance(0)
    expect(await answer).toEqual({ done: false, value: frame(1) })
  })

  test('a source that has said all is not asked again before it wakes', async () => {
    const made = outspoken()
    const { env, outgoing, due } = made
    const first = outgoing.next()
    due.push(frame(1))
    env.advance(0)
    expect(await first).toEqual({ done: false, value: frame(1) })
    const second = outgoing.next()
    env.advance(0)
    expect(made.asked).toBe(1)
    due.push(frame(2))
    outgoing.wake()
    env.advance(0)
    expect(await second).toEqual({ done: false, value: frame(2) })
    expect(made.asked).toBe(2)
  })

  test('a source that wakes while its frame is made is asked again', async () => {
    const made = outspoken()
    const { env, outgoing, due } = made
    due.push(frame(1), frame(2))
    made.onAsked = () => {
      if (due.length === 2) outgoing.wake()
    }
    for (const value of [1, 2]) {
      const answer = outgoing.next()
      env.advance(0)
      expect(await answer).toEqual({ done: false, value: frame(value) })
    }
  })

  test('a source that wakes while nobody asks for its frames is asked by the next who does', async () => {
    const { env, outgoing, due } = outspoken()
    const first = outgoing.next()
    due.push(frame(1))
    env.advance(0)
    await first
    due.push(frame(2))
    outgoing.wake()
    const second = outgoing.next()
    env.advance(0)
    expect(await second).toEqual({ done: false, value: frame(2) })
  })

  test('flush() gives a frame while the turn goes on', async () => {
    const { outgoing, due } = script()
    const answer = outgoing.next()
    due.push(frame(1))
    outgoing.flush()
    outgoing.flush()
    expect(await answer).toEqual({ done: false, value: frame(1) })
  })

  test('a sink that waits is answered at the end of the turn that has something to say', async () => {
    const { env, outgoing, due } = script()
    const answer = outgoing.next()
    env.advance(0)
    due.push(frame(1))
    outgoing.wake()
    outgoing.wake()
    expect(env.timers).toBe(1)
    env.advance(0)
    expect(await answer).toEqual({ done: false, value: frame(1) })
    expect(env.timers).toBe(0)
  })

  test('what nobody waits for leaves with what has to be said first, or when what has arrived was looked at', async () => {
    const { env, outgoing, due } = script()
    const answer = outgoing.next()
    env.advance(0)
    due.push(frame(1))
    outgoing.wakeLater()
    outgoing.wakeLater()
    expect(env.timers).toBe(1)
    outgoing.wake()
    env.advance(0)
    expect(await answer).toEqual({ done: false, value: frame(1) })
    due.push(frame(2))
    outgoing.wakeLater() // the sink is busy: at its next call
    const next = outgoing.next()
    env.advance(0)
    expect([await next, env.timers]).toEqual([{ done: false, value: frame(2) }, 0])
  })

  test('waking for nothing keeps the sink waiting', async () => {
    const { env, outgoing, due } = script()
    const answer = outgoing.next()
    outgoing.wake()
    env.advance(0)
    due.push(frame(1))
    outgoing.wake()
    env.advance(0)
    expect(await answer).toEqual({ done: false, value: frame(1) })
  })

  test('waking without a sink that waits sets no timer', () => {
    const { env, outgoing } = script()
    outgoing.wake()
    expect(env.timers).toBe(0)
  })

  test('a sink that asks has taken what it was given; one that waits has, too', () => {
    const made = script()
    void made.outgoing.next()
    made.env.advance(0)
    expect(made.flushes).toBe(1)
    made.outgoing.wake()
    made.env.advance(0)
    expect(made.flushes).toBe(2)
  })

  test('at the end the sink ends', async () => {
    const { env, outgoing, due } = script()
    due.push('end')
    const answer = outgoing.next()
    env.advance(0)
    expect(await answer).toEqual({ done: true, value: undefined })
    expect(outgoing.hasEnded).toBe(true)
    expect(await outgoing.next()).toEqual({ done: true, value: undefined })
  })

  test('keepOpen: at the end the source is told, and the sink waits on', async () => {
    const made = script(true)
    const { env, outgoing, due } = made
    due.push('end')
    let answered = false
    void outgoing.next().then(() => (answered = true))
    env.advance(0)
    await Promise.resolve()
    expect([made.hasSaidAll, answered]).toEqual([true, false])
    outgoing.close()
  })

  test('an error of `next` fails the sink, in its call or later', async () => {
    const now = script()
    now.due.push(new Error('broken'))
    const failing = now.outgoing.next()
    now.env.advance(0)
    await expect(failing).rejects.toThrow('broken')
    const later = script()
    const answer = later.outgoing.next()
    later.due.push(new Error('broken'))
    later.outgoing.wake()
    expect(() => later.env.advance(0)).not.toThrow()
    await expect(answer).rejects.toThrow('broken')
    expect(await later.outgoing.next()).toEqual({ done: true, value: undefined })
  })

  test('close and return answer a sink that waits', async () => {
    for (const end of ['close', 'return'] as const) {
      const { outgoing } = script()
      const answer = outgoing.next()
      void outgoing[end]()
      expect(await answer).toEqual({ done: true, value: undefined })
    }
  })
})

test.each([
  ['of 64 frames where time stands still', new Clock()],
  ['of 5 ms', host],
])('P8: a sink that takes each frame at once, when there is always one more, has turns %s', async (_, env) => {
  const outgoing = new Outgoing({
    env,
    keepOpen: false,
    hasMore: true,
    flushed: () => {},
    saidAll: () => {},
    nextFrame: () => frame(1),
  })
  const turn = { isOver: false }
  setImmediate(() => (turn.isOver = true))
  let taken = 0
  for (; !turn.isOver && taken < 1_000_000; taken += 1) await outgoing.next()
  expect(turn.isOver).toBe(true)
  expect(taken).toBeGreaterThan(1)
  outgoing.close()
})
