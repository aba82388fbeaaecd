import { describe, expect, test } from 'vitest'

import { Clock, rest } from '../../test/support/nodes.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { ServerClient } from '../server/server-client.ts'
import { memoryPair } from '../transport/memory.ts'
import type { LocalWorker, WorkerExit } from '../transport/stdio-workers.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import { NEXT, restartDefaults } from './workers-options.ts'
import type { WorkerState, WorkerStateChange } from './workers-options.ts'
import { Post } from './workers-post.ts'
import type { PostInit } from './workers-post.ts'

/** A process in the hands of a test. */
class FakeWorker implements LocalWorker {
  readonly id: number
  readonly duplex: ByteDuplex
  readonly exited: Promise<WorkerExit>
  /** What it was told. */
  readonly told: string[] = []
  /** The end of its channel that it has. */
  readonly #own: ByteDuplex
  #resolve!: (exit: WorkerExit) => void

  constructor(id: number) {
    this.id = id
    const [here, there] = memoryPair('stdio:')
    this.duplex = here
    this.#own = there
    this.exited = new Promise((resolve) => (this.#resolve = resolve))
  }

  terminate(): void {
    this.told.push('SIGTERM')
  }

  kill(): void {
    this.told.push('SIGKILL')
  }

  speak(): void {
    this.#own.sink([Uint8Array.of(1)]).catch(() => {})
  }

  exit(code: number | null, more: Partial<WorkerExit> = {}): void {
    this.#own.abort?.(new Error('gone'))
    this.#resolve({ code, ...more })
  }
}

/** A client that notes what is asked of it. */
function fakeClient(): ServerClient & { calls: string[] } {
  const calls: string[] = []
  const note = (call: string) => async (): Promise<void> => void calls.push(call)
  return { calls, dismiss: () => void calls.push('dismiss'), close: note('close') } as unknown as ServerClient & {
    calls: string[]
  }
}

/** A post, its clock, and all that becomes of it. Half of each delay passes, as chance is 0.5. */
class Setup {
  readonly clock = new Clock()
  readonly workers: FakeWorker[] = []
  readonly log: string[] = []
  readonly clients: (ServerClient & { calls: string[] })[] = []
  refusal: NetQueueError | undefined
  isOver = false
  readonly post: Post

  constructor(init: Partial<PostInit> = {}) {
    this.post = new Post({
      number: 1,
      file: 'worker.js',
      start: () => {
        const worker = new FakeWorker(this.workers.length + 1)
        this.workers.push(worker)
        return worker
      },
      accept: async () => {
        if (this.refusal !== undefined) throw this.refusal
        const client = fakeClient()
        this.clients.push(client)
        return client
      },
      isOver: () => this.isOver,
      clock: this.clock,
      restart: restartDefaults,
      startTimeoutMs: 30_000,
      stopTimeoutMs: 2_000,
      entered: (change) => this.log.push(said(change)),
      ...init,
    })
  }

  get worker(): FakeWorker {
    return this.workers.at(-1) as FakeWorker
  }

  get client(): ServerClient & { calls: string[] } {
    return this.clients.at(-1) as ServerClient & { calls: string[] }
  }

  async connect(): Promise<void> {
    this.worker.speak()
    await rest()
  }

  async exit(code: number | null, more: Partial<WorkerExit> = {}): Promise<void> {
    this.worker.exit(code, more)
    await rest()
  }

  async passes(ms: number): Promise<void> {
    this.clock.advance(ms)
    await rest()
  }
}

function said(change: WorkerStateChange): string {
  if (change.state === 'waiting') return `waiting ${change.delayMs}`
  return change.state === 'failed' ? `failed ${change.error.message}` : change.state
}

async function connected(init: Partial<PostInit> = {}): Promise<Setup> {
  const setup = new Setup(init)
  await setup.connect()
  return setup
}

describe('a place among the workers', () => {
  test('starting -> connected: when the worker speaks and the server takes it, not before', async () => {
    const setup = new Setup()
    await rest()
    expect([setup.log, setup.clients, setup.post.id]).toEqual([['starting'], [], 1])
    await setup.connect()
    expect(setup.log).toEqual(['starting', 'connected'])
    expect(setup.post.client).toBe(setup.client)
    await setup.post.ready
    expect(setup.clock.timers).toBe(0)
  })

  test('connected -> waiting -> starting: after a time that doubles up to maxDelayMs', async () => {
    const setup = await connected({ restart: { minDelayMs: 100, maxDelayMs: 1_000, attempts: 10 } })
    for (const delay of [50, 100, 200, 400, 500, 500]) {
      await setup.exit(1)
      expect(setup.log.at(-1)).toBe(`waiting ${delay}`)
      await setup.passes(delay - 1)
      expect(setup.log.at(-1)).toBe(`waiting ${delay}`)
      await setup.passes(1)
      expect(setup.log.at(-1)).toBe('starting')
      await setup.connect()
    }
  })

  test('one that was connected for maxDelayMs begins anew with the shortest time', async () => {
    const setup = await connected({ restart: { minDelayMs: 100, maxDelayMs: 1_000, attempts: 10 } })
    for (const delay of [50, 100]) {
      await setup.exit(1)
      await setup.passes(delay)
      await setup.connect()
    }
    await setup.passes(1_000)
    await setup.exit(1)
    expect(setup.log.at(-1)).toBe('waiting 50')
  })

  test('starting -> failed: one that never connected is not started again', async () => {
    const setup = new Setup()
    await setup.exit(null, { signal: 'SIGSEGV' })
    const message = 'The worker worker.js was given up: it ended before it had connected (ended by SIGSEGV)'
    expect(setup.log).toEqual(['starting', `failed ${message}`])
    await expect(setup.post.ready).rejects.toMatchObject({ code: 'WORKER_FAILED', value: 'SIGSEGV' })
    await setup.post.done
    expect(setup.clock.timers).toBe(0)
  })

  test('starting -> failed: what cannot be started at all', async () => {
    const cause = Object.assign(new Error('none left'), { code: 'EAGAIN' })
    const setup = new Setup({
      start: () => {
        throw cause
      },
    })
    await expect(setup.post.ready).rejects.toMatchObject({ code: 'WORKER_FAILED', cause })
    expect(setup.log.at(-1)).toContain('(not started: EAGAIN)')
  })

  test('starting -> failed: after as many starts in a row without a connection as it may have', async () => {
    const setup = await connected({ restart: { minDelayMs: 2, maxDelayMs: 2, attempts: 3 } })
    await setup.exit(1)
    for (let failures = 1; failures <= 3; failures += 1) {
      await setup.passes(1)
      await setup.exit(9)
    }
    const message =
      'The worker worker.js was given up: 3 starts in a row ended without a connection (restart.attempts) (exit code 9)'
    expect(setup.log.slice(-2)).toEqual(['starting', `failed ${message}`])
  })

  test('a connection sets the count of starts back', async () => {
    const setup = await connected({ restart: { minDelayMs: 2, maxDelayMs: 2, attempts: 2 } })
    for (let round = 1; round <= 5; round += 1) {
      await setup.exit(1)
      await setup.passes(1)
      await setup.exit(1)
      await setup.passes(1)
      await setup.connect()
    }
    expect(setup.post.starts).toBe(11)
  })

  test('one that is refused has its reason as the cause, and a while to end', async () => {
    const setup = new Setup()
    setup.refusal = new NetQueueError('CODEC_MISMATCH', 'no')
    await setup.connect()
    await setup.passes(1_999)
    expect(setup.worker.told).toEqual([])
    await setup.passes(1)
    expect(setup.worker.told).toEqual(['SIGTERM'])
    await setup.exit(1)
    await expect(setup.post.ready).rejects.toMatchObject({ code: 'WORKER_FAILED', cause: { code: 'CODEC_MISMATCH' } })
  })

  test('one that does not connect in time is told to end, and then ended', async () => {
    const setup = new Setup()
    await setup.passes(29_999)
    expect(setup.worker.told).toEqual([])
    await setup.passes(1)
    expect(setup.worker.told).toEqual(['SIGTERM'])
    await setup.passes(2_000)
    expect(setup.worker.told).toEqual(['SIGTERM', 'SIGKILL'])
  })

  test('connected -> leaving: when its connection is over it has a while to end by itself', async () => {
    const setup = await connected()
    setup.post.lost(setup.client)
    expect([setup.log.at(-1), setup.post.client]).toEqual(['leaving', undefined])
    await setup.passes(1_999)
    expect(setup.worker.told).toEqual([])
    await setup.passes(2_001)
    expect(setup.worker.told).toEqual(['SIGTERM', 'SIGKILL'])
    await setup.exit(null, { signal: 'SIGKILL' })
    expect(setup.log.at(-1)).toBe('waiting 50')
  })

  test('the loss of the connection of somebody else is nothing to it', async () => {
    const setup = await connected()
    setup.post.lost(fakeClient())
    expect(setup.log.at(-1)).toBe('connected')
  })

  test('leaving -> ended: who retires finishes, and is not replaced', async () => {
    const setup = await connected()
    setup.post.retire()
    setup.post.retire()
    expect(setup.client.calls).toEqual(['dismiss'])
    setup.post.lost(setup.client)
    await setup.exit(0)
    await setup.post.done
    expect(setup.log).toEqual(['starting', 'connected', 'leaving', 'ended'])
    expect([setup.worker.told, setup.clock.timers]).toEqual([[], 0])
  })

  test('who is leaving is told nothing when it retires: it has its while', async () => {
    const setup = await connected()
    setup.post.lost(setup.client)
    setup.post.retire()
    await setup.passes(1_999)
    expect(setup.worker.told).toEqual([])
  })

  test('who does not finish in time has its connection closed', async () => {
    const setup = await connected()
    setup.post.cut()
    expect(setup.client.calls).toEqual(['dismiss', 'close'])
  })

  test('starting -> ended: who retires before it is connected is told to end at once', async () => {
    const setup = new Setup()
    setup.post.retire()
    expect(setup.worker.told).toEqual(['SIGTERM'])
    await setup.exit(null, { signal: 'SIGTERM' })
    expect(setup.log).toEqual(['starting', 'ended'])
    await expect(setup.post.ready).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('starting -> connected: who retires while the server takes it is dismissed', async () => {
    let take!: (client: ServerClient) => void
    const client = fakeClient()
    const setup = new Setup({ accept: () => new Promise((resolve) => (take = resolve)) })
    await setup.connect()
    setup.post.retire()
    take(client)
    await rest()
    expect(client.calls).toEqual(['dismiss'])
  })

  test('waiting -> ended: who retires then is not started again', async () => {
    const setup = await connected()
    await setup.exit(1)
    setup.post.retire()
    await setup.post.done
    expect([setup.log.at(-1), setup.clock.timers, setup.workers.length]).toEqual(['ended', 0, 1])
  })

  test('waiting -> ended: so it is where the server has closed meanwhile', async () => {
    const setup = await connected()
    await setup.exit(1)
    setup.isOver = true
    await setup.passes(50)
    expect([setup.log.at(-1), setup.workers.length]).toEqual(['ended', 1])
  })

  test('connected -> ended: without restart, one that has done its work is not missed', async () => {
    const setup = await connected({ restart: undefined })
    await setup.exit(0)
    expect(setup.log.at(-1)).toBe('ended')
  })

  test('connected -> failed: without restart, one that crashed is', async () => {
    const setup = await connected({ restart: undefined })
    await setup.exit(3)
    expect(setup.log.at(-1)).toBe(
      'failed The worker worker.js was given up: it is not started again (restart) (exit code 3)',
    )
  })
})

test('a state that is over has nothing behind it, and each other one has an end', () => {
  const reach = (from: WorkerState, seen: Set<WorkerState>): Set<WorkerState> => {
    if (!seen.has(from)) for (const next of NEXT[from]) reach(next, seen.add(from))
    return seen.add(from)
  }
  expect([NEXT.ended, NEXT.failed]).toEqual([[], []])
  for (const state of Object.keys(NEXT) as WorkerState[])
    expect(['ended', 'failed'].some((end) => reach(state, new Set()).has(end as WorkerState))).toBe(true)
})
