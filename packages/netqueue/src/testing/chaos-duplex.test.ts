import { describe, expect, test } from 'vitest'

import { collect, pattern } from '../../test/support/bytes.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { memoryPair } from '../transport/memory.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import { chaosDuplex } from './chaos-duplex.ts'
import type { ChaosDuplex } from './chaos-duplex.ts'
import type { ChaosToxics } from './toxics.ts'
import { virtualEnv } from './virtual-env.ts'
import type { VirtualEnv } from './virtual-env.ts'

interface Setup {
  env: VirtualEnv
  /** The end that is in chaos. */
  near: ChaosDuplex
  far: ByteDuplex
  /** What has arrived at the far end: when, and how much. */
  arrived: [ms: number, bytes: number][]
  /** How the far end's stream came to its end. */
  ending: Promise<unknown>
}

function make(toxics: ChaosToxics = {}, seed = 1): Setup {
  const env = virtualEnv({ seed })
  const [here, far] = memoryPair()
  const near = chaosDuplex(here, { env, ...toxics })
  const arrived: [number, number][] = []
  const reading = async (): Promise<void> => {
    for await (const piece of far.source) arrived.push([env.now(), piece.length])
  }
  return { env, near, far, arrived, ending: failureOf(reading()) }
}

/** Sends pieces of these lengths, one after the other, and ends. */
async function send({ near }: Setup, ...lengths: number[]): Promise<void> {
  await near.sink(lengths.map((length) => pattern(length)))
}

/** What never ends. */
const open = (...pieces: Uint8Array[]): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => ({
    next: () => {
      const value = pieces.shift()
      return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value })
    },
  }),
})

describe('toxics', () => {
  test('without any, all arrives at once and nothing is timed', async () => {
    const setup = make()
    await send(setup, 10, 20)
    await setup.ending
    expect(setup.arrived).toEqual([
      [0, 10],
      [0, 20],
    ])
    expect(setup.env.timers).toBe(0)
  })

  test('without any, nothing is pulled ahead', async () => {
    const [here] = memoryPair()
    const near = chaosDuplex(here, { env: virtualEnv() })
    let pulled = 0
    const sent = near.sink(
      (function* () {
        for (;;) {
          pulled += 1
          yield pattern(1)
        }
      })(),
    )
    await virtualEnv().rest()
    expect(pulled).toBe(1)
    near.reset()
    await expect(sent).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('latencyMs: what is sent together arrives together, so much later', async () => {
    const setup = make({ latencyMs: 50 })
    await setup.env.pass(send(setup, 1, 2, 3))
    await setup.ending
    expect(setup.arrived).toEqual([
      [50, 1],
      [50, 2],
      [50, 3],
    ])
  })

  test('jitterMs: each piece takes its own time, none overtakes another, the same seed gives the same times', async () => {
    const times: number[][] = []
    for (const seed of [1, 1, 2]) {
      const setup = make({ latencyMs: 50, jitterMs: 40 }, seed)
      await setup.env.pass(send(setup, ...Array.from({ length: 50 }, () => 1)))
      const at = setup.arrived.map(([ms]) => ms)
      expect(at).toEqual(at.toSorted((a, b) => a - b))
      expect([Math.min(...at) >= 10, Math.max(...at) <= 90, new Set(at).size > 3]).toEqual([true, true, true])
      times.push(at)
    }
    expect(times[0]).toEqual(times[1])
    expect(times[0]).not.toEqual(times[2])
  })

  test('bytesPerSecond: a second takes so much, in twentieths', async () => {
    const setup = make({ bytesPerSecond: 1_000 })
    await setup.env.pass(send(setup, 500, 500))
    await setup.ending
    expect(setup.arrived).toHaveLength(20)
    expect(setup.arrived.at(-1)).toEqual([950, 50])
  })

  test('sliceBytes: 1 to so many bytes at a time, and all of them in order', async () => {
    const env = virtualEnv({ seed: 3 })
    const [here, far] = memoryPair()
    const near = chaosDuplex(here, { env, sliceBytes: 7 })
    const pieces: number[] = []
    const read = collect(
      (async function* () {
        for await (const piece of far.source) {
          pieces.push(piece.length)
          yield piece
        }
      })(),
    )
    await near.sink([pattern(1_000), pattern(1_000, 1_000)])
    expect(Buffer.compare(await read, pattern(2_000))).toBe(0)
    expect([...new Set(pieces)].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(near.up).toEqual(expect.objectContaining({ bytes: 2_000, pieces: pieces.length }))
    expect(near.down).toEqual(expect.objectContaining({ bytes: 0, pieces: 0 }))
  })

  test('sliceDelayMs: slices are so far apart', async () => {
    const setup = make({ sliceBytes: 1, sliceDelayMs: 10 })
    await setup.env.pass(send(setup, 3))
    expect(setup.arrived).toEqual([
      [0, 1],
      [10, 1],
      [20, 1],
    ])
  })

  test('slowCloseMs: only the end is late', async () => {
    const setup = make({ slowCloseMs: 30 })
    let endedAt: number | undefined
    void setup.ending.then(() => (endedAt = setup.env.now()))
    await setup.env.pass(send(setup, 1))
    await setup.ending
    expect([setup.arrived, endedAt]).toEqual([[[0, 1]], 30])
  })

  test('limitBytes: the stream ends behind so many bytes, and its source is left', async () => {
    const setup = make({ limitBytes: 7 })
    let wasLeft = false
    const source = (async function* () {
      try {
        for (;;) yield pattern(5)
      } finally {
        wasLeft = true
      }
    })()
    await setup.near.sink(source)
    expect([await setup.ending, setup.arrived, wasLeft]).toEqual([
      undefined,
      [
        [0, 5],
        [0, 2],
      ],
      true,
    ])
  })

  test('resetAfterBytes: the connection breaks behind so many bytes, for both sides', async () => {
    const setup = make({ up: { resetAfterBytes: 7 } })
    const read = failureOf(collect(setup.near.source))
    const sent = failureOf(setup.near.sink(open(pattern(5), pattern(5))))
    expect([await setup.ending, await read, await sent]).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ code: 'CONNECTION_LOST' })),
    )
    expect(setup.arrived.map(([, bytes]) => bytes)).toEqual([5, 2])
  })

  test('up is what the holder sends, down what it gets; what stands beside them holds for both', async () => {
    const setup = make({ latencyMs: 5, up: { latencyMs: 20 }, down: { slowCloseMs: 1 } })
    const { env, near, far } = setup
    const answered = collect(near.source).then(() => env.now())
    await env.pass(Promise.all([send(setup, 1), far.sink([pattern(1)]), setup.ending, answered]))
    expect([setup.arrived, await answered]).toEqual([[[20, 1]], 6])
  })

  test('set() replaces all of them, from the next piece on', async () => {
    const setup = make({ latencyMs: 1_000 })
    setup.near.set({ down: { latencyMs: 5 } })
    await setup.env.pass(send(setup, 1))
    expect(setup.arrived).toEqual([[0, 1]])
  })
})

describe('what happens to it', () => {
  test('halfOpen("up"): nothing arrives, nobody is told, and the other way goes on; heal() delivers what waited', async () => {
    const setup = make()
    const { env, near, far } = setup
    near.halfOpen('up')
    let isSent = false
    const sent = send(setup, 3).then(() => (isSent = true))
    const [heard] = await Promise.all([collect(near.source), far.sink([pattern(9)])])
    expect(heard).toHaveLength(9)
    await env.rest()
    expect([setup.arrived, isSent]).toEqual([[], false])
    near.heal()
    await sent
    expect([await setup.ending, setup.arrived]).toEqual([undefined, [[0, 3]]])
  })

  test('halfOpen("down"): the same for what comes', async () => {
    const setup = make()
    const { env, near, far } = setup
    near.halfOpen('down')
    const read = collect(near.source)
    let isRead = false
    void read.then(() => (isRead = true))
    const sent = far.sink([pattern(9)])
    await send(setup, 3)
    await env.rest()
    expect([setup.arrived, isRead]).toEqual([[[0, 3]], false])
    near.heal()
    expect(await read).toHaveLength(9)
    await sent
  })

  test('blackhole() hides even that the other side is gone, until heal()', async () => {
    const { env, near, far } = make()
    near.blackhole()
    let ended: unknown = 'not yet'
    void failureOf(collect(near.source)).then((how) => (ended = how))
    far.abort?.(new Error('gone'))
    await env.rest()
    expect(ended).toBe('not yet')
    near.heal()
    await env.rest()
    expect(ended).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('reset() breaks both sides at once, whatever is under way', async () => {
    const { env, near, far, arrived, ending } = make({ latencyMs: 1_000 })
    const sent = failureOf(near.sink(open(pattern(5))))
    const read = failureOf(collect(near.source))
    await env.rest()
    near.reset()
    expect([await sent, await read, await ending]).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ code: 'CONNECTION_LOST' })),
    )
    expect([arrived, env.timers]).toEqual([[], 0])
    await expect(far.sink([pattern(1)])).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('reset() works where the duplex has no abort of its own, and is not misled by a second sink', async () => {
    const env = virtualEnv()
    const [{ source, sink }] = memoryPair()
    const near = chaosDuplex({ source, sink }, { env })
    const failed = [failureOf(near.sink(open())), failureOf(collect(near.source))]
    await expect(near.sink([])).rejects.toThrow(TypeError)
    near.reset()
    for (const each of failed) expect(await each).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('set() counts at once for what waits', async () => {
    const { env, near, ending } = make()
    const sent = failureOf(near.sink(open()))
    await env.rest()
    near.set({ up: { resetAfterBytes: 0 } })
    expect(await sent).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(await ending).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('under latency, at most 1 MiB is under way', async () => {
    const { env, near } = make({ latencyMs: 10 })
    let pulled = 0
    const failed = failureOf(
      near.sink(
        (function* () {
          for (;;) {
            pulled += 65_536
            yield pattern(65_536)
          }
        })(),
      ),
    )
    await env.rest()
    expect(pulled).toBe(1_048_576)
    near.reset()
    await failed
  })
})
