import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, test } from 'vitest'

import { memory, tcp, unix } from '../src/index.ts'
import type { Transport } from '../src/index.ts'
import { host } from '../src/env/host.ts'
import { virtualEnv } from '../src/testing/index.ts'
import type { ChaosToxics, VirtualEnv, Way } from '../src/testing/index.ts'
import { leavingNoHandle, turn } from './support/handles.ts'
import { Storm } from './support/storm.ts'
import type { StormInit } from './support/storm.ts'

/** `npm run test:long` has twenty times as many. */
const SEEDS = process.env.NETQUEUE_LONG === undefined ? 25 : 500
const seeds = Array.from({ length: SEEDS }, (_, seed) => seed + 1)

const folder = mkdtempSync(join(tmpdir(), 'netqueue-storm-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type More = Partial<StormInit>

/** A storm in memory and virtual time. */
async function inMemory(env: VirtualEnv, more: More = {}): Promise<Storm> {
  const at = { server: 'memory:server', proxy: 'memory:proxy', transports: [memory()], env }
  return Storm.open({ ...at, ...more })
}

const sleep = (env: VirtualEnv, ms: number): Promise<void> => new Promise((resolve) => env.setTimer(resolve, ms))
const between = (env: VirtualEnv, from: number, to: number): number => from + Math.floor(env.random() * (to - from))

/** One thing that can happen to a network, and its end. */
const EVENTS: ((storm: Storm, env: VirtualEnv) => Promise<void>)[] = [
  async ({ proxy }) => proxy.reset(),
  async ({ proxy }, env) => {
    proxy.halfOpen(env.random() < 0.5 ? 'up' : 'down')
    await sleep(env, between(env, 10, 60_000))
    await proxy.heal()
  },
  async ({ proxy }, env) => {
    proxy.blackhole()
    await sleep(env, between(env, 10, 60_000))
    await proxy.heal()
  },
  async ({ proxy }, env) => {
    await proxy.cut()
    await sleep(env, between(env, 10, 20_000))
    await proxy.heal()
  },
  async ({ proxy }, env) => {
    proxy.set({ [env.random() < 0.5 ? 'up' : 'down']: { resetAfterBytes: between(env, 1_000, 3_000) } })
    await sleep(env, between(env, 10, 5_000))
    proxy.set(toxics(env))
  },
]

function toxics(env: VirtualEnv): ChaosToxics {
  return { latencyMs: between(env, 0, 50), jitterMs: between(env, 0, 50), sliceBytes: between(env, 1, 200) }
}

/** One thing after the other happens, then all is well again. */
async function rage(storm: Storm, env: VirtualEnv): Promise<void> {
  await sleep(env, 500) // a session whose client has not said yet that it knows of it ends with its connection
  for (let events = 0; events < 12; events += 1) {
    await sleep(env, between(env, 0, 500))
    await EVENTS[between(env, 0, EVENTS.length)]?.(storm, env)
  }
  storm.proxy.set({})
}

describe('fault 32: slices, latency, resets, half-open connections and partitions', () => {
  test.each(seeds)('without resume nothing is lost, seed %i', async (seed) => {
    const env = virtualEnv({ seed })
    const storm = await inMemory(env, { clients: 3, toxics: toxics(env) })
    await env.pass(
      storm.putUntil(rage(storm, env), () => sleep(env, between(env, 0, 1_000))),
      { withinMs: 86_400_000 },
    )
    storm.check()
    await env.pass(storm.close())
    expect(env.timers).toBe(0)
  })

  test.each(seeds)('with resume nothing is lost, and nothing is there twice, seed %i', async (seed) => {
    const env = virtualEnv({ seed })
    const storm = await inMemory(env, { clients: 3, toxics: toxics(env), serving: { resumeTimeoutMs: 3_600_000 } })
    await env.pass(
      storm.putUntil(rage(storm, env), () => sleep(env, between(env, 0, 1_000))),
      { withinMs: 86_400_000 },
    )
    storm.check({ once: true })
    await env.pass(storm.close())
    expect(env.timers).toBe(0)
  })
})

describe('fault 31: a connection that is half open', () => {
  test.each<Way>(['up', 'down'])('%s: is noticed within two heartbeats, and all goes on when it heals', async (way) => {
    const env = virtualEnv()
    const storm = await inMemory(env, { clients: 2 })
    let noticed = Number.POSITIVE_INFINITY
    storm.server.on('disconnect', () => (noticed = Math.min(noticed, env.now())))
    storm.proxy.halfOpen(way)
    const healed = sleep(env, 60_000).then(() => storm.proxy.heal())
    await env.pass(storm.putUntil(healed, () => sleep(env, 500)))
    expect(noticed).toBeGreaterThan(15_000)
    expect(noticed).toBeLessThan(35_000)
    expect(storm.losses).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST'])
    storm.check()
    await env.pass(storm.close())
  })

  test('a client that gives up coming back, when its server went on with the session already, keeps the session', async () => {
    const env = virtualEnv()
    const storm = await inMemory(env, { toxics: { latencyMs: 20 }, serving: { resumeTimeoutMs: 600_000 } })
    const healing = (async () => {
      await sleep(env, 1_000)
      const hear = storm.server.on('resume', () => {
        storm.proxy.halfOpen('down') // so that its WELCOME does not arrive
        hear()
      })
      storm.proxy.reset()
      await sleep(env, 8_000)
      await storm.proxy.heal()
    })()
    let ended = 0
    storm.server.on('disconnect', () => (ended += 1))
    await env.pass(storm.putUntil(healing, () => sleep(env, 500)))
    expect([storm.losses, ended]).toEqual([['CONNECTION_LOST', 'CONNECTION_LOST'], 0])
    storm.check({ once: true })
    await env.pass(storm.close())
  })
})

const turns = async (count: number): Promise<void> => {
  for (let left = count; left > 0; left -= 1) await turn()
}

describe.each<[name: string, make: () => Transport, server: string, proxy: string]>([
  ['tcp', tcp, 'tcp://127.0.0.1:0', 'tcp://127.0.0.1:0'],
  ['unix', unix, `unix:${folder}/server`, `unix:${folder}/proxy`],
])('over %s', (_, make, server, proxy) => {
  /** Heartbeats, back-off and limits that real time can wait for. */
  const quick = { heartbeatMs: 100, frameTimeoutMs: 1_000, handshakeTimeoutMs: 1_000 }
  const at = (more: More): StormInit => ({
    server,
    proxy,
    transports: [make()],
    env: host,
    clients: 2,
    reaching: { reconnect: { minDelayMs: 5, maxDelayMs: 20 }, limits: quick, connectTimeoutMs: 1_000 },
    serving: { limits: quick },
    ...more,
  })

  const weather = (more: More, happens: (storm: Storm) => Promise<void>, once: boolean): Promise<void> =>
    leavingNoHandle(async () => {
      await using storm = await Storm.open(at(more))
      await storm.putUntil(
        storm.settled(20).then(() => happens(storm)),
        turn,
      )
      storm.check({ once })
      await storm.close()
    })

  const resuming: More = { serving: { resumeTimeoutMs: 60_000, limits: quick } }
  const sliced: More = { toxics: { sliceBytes: 20, latencyMs: 2, jitterMs: 2 } }

  const resets = async ({ proxy: way }: Storm): Promise<void> => {
    for (let round = 0; round < 8; round += 1) {
      const { bytes } = way.down
      way.set({ ...sliced.toxics, down: { resetAfterBytes: 2_000 + round } })
      while (way.down.bytes < bytes + 3_000) await turn()
    }
    way.set({})
  }

  const halves = async (storm: Storm): Promise<void> => {
    for (const way of ['up', 'down'] as const) {
      const losses = storm.losses.length
      storm.proxy.halfOpen(way)
      while (storm.losses.length === losses) await turn()
      await storm.proxy.heal()
      await storm.together()
    }
  }

  const splits = async (storm: Storm): Promise<void> => {
    for (const split of ['blackhole', 'cut'] as const) {
      const losses = storm.losses.length
      await storm.proxy[split]()
      while (storm.losses.length === losses) await turn()
      await storm.proxy.heal()
      await storm.together()
    }
  }

  test.each<[title: string, more: More, happens: (storm: Storm) => Promise<void>, once: boolean]>([
    ['fault 32: slices and latency change nothing', sliced, () => turns(1_000), true],
    ['fault 32: resets in the middle of frames lose nothing', {}, resets, false],
    ['fault 32: with resume, resets repeat nothing either', resuming, resets, true],
    ['fault 31: a half-open connection is noticed, and loses nothing', {}, halves, false],
    ['fault 31: with resume, a half-open connection repeats nothing either', resuming, halves, true],
    ['fault 32: a partition that heals loses nothing', {}, splits, false],
    ['fault 32: with resume, a partition repeats nothing either', resuming, splits, true],
  ])('%s', async (_, more, happens, once) => {
    await expect(weather(more, happens, once)).resolves.toBeUndefined()
  })
})
