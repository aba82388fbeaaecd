import { beforeEach, describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Attempt } from './attempt.ts'
import { reconnectFrom } from './back-off.ts'
import type { ReconnectOptions } from './back-off.ts'
import { Life } from './life.ts'
import type { ClientStateChange } from './states.ts'

const refused = (): NetQueueError => new NetQueueError('CONNECT_FAILED', 'refused')
const lost = new NetQueueError('CONNECTION_LOST', 'gone')

/** A life whose attempts end as a test says. */
class Walk {
  readonly env = new VirtualEnv()
  readonly changes: ClientStateChange[] = []
  readonly dialled: string[] = []
  readonly gaveUp: NetQueueError[] = []
  /** What comes of each attempt; it hangs where nothing is said. */
  answer: (address: string) => unknown = () => undefined
  readonly life: Life
  #last: Attempt | undefined

  constructor(addresses: string[] = ['a'], reconnect: ReconnectOptions | boolean = true) {
    this.env.random = () => 0.5
    this.life = new Life({
      env: this.env,
      addresses,
      connectTimeoutMs: 1_000,
      reconnect: reconnectFrom(reconnect),
      isRepeatable: true,
      open: async (attempt, address) => {
        this.dialled.push(address)
        this.#last = attempt
        const answer = this.answer(address)
        if (answer === true) this.open()
        else if (answer !== undefined) throw answer
      },
      entered: (change) => this.changes.push(change),
      gaveUp: (error) => this.gaveUp.push(error),
    })
  }

  open({ resumed = false } = {}): void {
    this.life.opened({ resumed })
    this.#last?.opened()
  }

  get signal(): AbortSignal | undefined {
    return this.#last?.signal
  }

  /** Lets time pass, and what it brings about happen. */
  async pass(ms: number): Promise<void> {
    this.env.advance(ms)
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve()
  }

  /** States, with the attempt where there is one. */
  get told(): string[] {
    return this.changes.map((change) => ('attempt' in change ? `${change.state} ${change.attempt}` : change.state))
  }
}

let walk: Walk

beforeEach(() => {
  walk = new Walk()
})

describe('the first connection', () => {
  test('is had at once where there is a server', async () => {
    walk.answer = () => true
    await walk.life.begin({ isPatient: false })
    expect(walk.changes).toEqual([
      { state: 'connecting', address: 'a', attempt: 1, delayMs: 0 },
      { state: 'connected', address: 'a', resumed: false },
    ])
    expect(walk.env.timers).toBe(0)
  })

  test('rejects with why there is none, after one attempt', async () => {
    const error = refused()
    walk.answer = () => error
    expect(await failureOf(walk.life.begin({ isPatient: false }))).toBe(error)
    expect(walk.dialled).toEqual(['a'])
  })

  test('rejects with CONNECT_FAILED when nothing comes of it in time, and calls it off', async () => {
    const failure = failureOf(walk.life.begin({ isPatient: false }))
    await walk.pass(1_000)
    expect(await failure).toMatchObject({ code: 'CONNECT_FAILED', limit: 'connectTimeoutMs', value: 1_000 })
    expect([walk.signal?.aborted, walk.env.timers]).toEqual([true, 0])
  })

  test('goes on where it is to wait, each attempt with its delay and the error before it', async () => {
    const error = refused()
    walk.answer = () => (walk.dialled.length < 3 ? error : true)
    const begun = walk.life.begin({ isPatient: true })
    await walk.pass(0)
    await walk.pass(50)
    await walk.pass(100)
    await begun
    expect(walk.changes).toEqual([
      { state: 'connecting', address: 'a', attempt: 1, delayMs: 0 },
      { state: 'connecting', address: 'a', attempt: 2, delayMs: 50, error },
      { state: 'connecting', address: 'a', attempt: 3, delayMs: 100, error },
      { state: 'connected', address: 'a', resumed: false },
    ])
  })

  test('does not wait for what will never be', async () => {
    const error = new NetQueueError('CODEC_MISMATCH', 'no')
    walk.answer = () => error
    expect(await failureOf(walk.life.begin({ isPatient: true }))).toBe(error)
    expect([walk.dialled.length, walk.env.timers]).toEqual([1, 0])
  })

  test('ends with CLOSED when it is closed, during an attempt and between two', async () => {
    for (const answer of [undefined, refused()]) {
      const each = new Walk()
      each.answer = () => answer
      const failure = failureOf(each.life.begin({ isPatient: true }))
      await each.pass(0)
      each.life.close()
      expect([await failure, each.env.timers]).toMatchObject([{ code: 'CLOSED' }, 0])
    }
  })
})

describe('a connection that is lost', () => {
  async function connected(each: Walk): Promise<void> {
    each.answer = () => true
    await each.life.begin({ isPatient: false })
    each.changes.length = 0
    each.dialled.length = 0
  }

  test('connected -> reconnecting -> connected: after a delay, at the same address', async () => {
    await connected(walk)
    walk.life.lost(lost)
    expect(walk.changes).toEqual([{ state: 'reconnecting', address: 'a', attempt: 1, delayMs: 50, error: lost }])
    await walk.pass(49)
    expect(walk.dialled).toEqual([])
    await walk.pass(1)
    expect([walk.dialled, walk.life.state, walk.env.timers]).toEqual([['a'], 'connected', 0])
  })

  test('is looked for on and on: delays double, each attempt has its time', async () => {
    await connected(walk)
    walk.answer = () => (walk.dialled.length === 2 ? undefined : refused())
    walk.life.lost(lost)
    await walk.pass(50)
    await walk.pass(100)
    expect(walk.life.now).toMatchObject({ attempt: 2 })
    await walk.pass(1_000)
    expect(walk.life.now).toMatchObject({ attempt: 3, delayMs: 200, error: { limit: 'connectTimeoutMs' } })
    walk.answer = () => true
    await walk.pass(200)
    expect(walk.told).toEqual(['reconnecting 1', 'reconnecting 2', 'reconnecting 3', 'connected'])
  })

  test('ID_IN_USE at a reconnect is tried again: the server may have yet to notice that we are gone', async () => {
    await connected(walk)
    walk.answer = () => (walk.dialled.length === 1 ? new NetQueueError('ID_IN_USE', 'taken') : true)
    walk.life.lost(lost)
    await walk.pass(50)
    await walk.pass(100)
    expect(walk.life.state).toBe('connected')
  })

  test.each([
    new NetQueueError('VERSION_MISMATCH', 'no'),
    new NetQueueError('CODEC_MISMATCH', 'no'),
    new NetQueueError('MESSAGES_MISMATCH', 'no'),
    new NetQueueError('PROTOCOL_MISMATCH', 'no'),
  ])('$code at a reconnect ends it', async (error) => {
    await connected(walk)
    walk.answer = () => error
    walk.life.lost(lost)
    await walk.pass(50)
    expect([walk.gaveUp, walk.env.timers]).toEqual([[error], 0])
  })

  test('an error that is none of ours ends it as the cause of one that is', async () => {
    await connected(walk)
    const cause = new TypeError('a fault of the transport')
    walk.answer = () => cause
    walk.life.lost(lost)
    await walk.pass(50)
    expect(walk.gaveUp).toMatchObject([{ code: 'CONNECT_FAILED', cause }])
  })

  test('gives up after so many attempts as are wanted, and says so', async () => {
    const each = new Walk(['a'], { attempts: 2 })
    await connected(each)
    const error = refused()
    each.answer = () => error
    each.life.lost(lost)
    await each.pass(50)
    await each.pass(100)
    expect(each.gaveUp).toMatchObject([{ code: 'CONNECT_FAILED', limit: 'reconnect.attempts', value: 2, cause: error }])
    expect([each.dialled.length, each.env.timers]).toEqual([2, 0])
  })

  test('is not looked for where that is not wanted, nor where it was ended here', async () => {
    const each = new Walk(['a'], false)
    await connected(each)
    expect(each.life.returnsAfter(lost)).toBe(false)
    await connected(walk)
    expect(walk.life.returnsAfter(lost)).toBe(true)
    expect(walk.life.returnsAfter(new NetQueueError('CLOSED', 'by us'))).toBe(false)
    expect(walk.life.returnsAfter(new NetQueueError('VERSION_MISMATCH', 'never'))).toBe(false)
  })

  test('close() between two attempts, and during one, ends the search', async () => {
    for (const answer of [undefined, refused()]) {
      const each = new Walk()
      await connected(each)
      each.answer = () => answer
      each.life.lost(lost)
      await each.pass(50)
      each.life.close()
      each.life.end(undefined)
      await each.pass(10_000)
      expect([each.life.state, each.env.timers, each.gaveUp]).toEqual(['closed', 0, []])
      expect(each.dialled).toHaveLength(1)
    }
  })
})

describe('several addresses that stand in for each other', () => {
  test('are tried in turn, at once; the delay comes when all have failed', async () => {
    walk = new Walk(['a', 'b', 'c'])
    walk.answer = () => (walk.dialled.length < 5 ? refused() : true)
    const begun = walk.life.begin({ isPatient: true })
    await walk.pass(0)
    expect(walk.dialled).toEqual(['a', 'b', 'c'])
    await walk.pass(50)
    await begun
    expect([walk.dialled, walk.life.address]).toEqual([['a', 'b', 'c', 'a', 'b'], 'b'])
  })

  test('reject the first connection when each has been tried once', async () => {
    walk = new Walk(['a', 'b'])
    const error = refused()
    walk.answer = () => error
    expect(await failureOf(walk.life.begin({ isPatient: false }))).toBe(error)
    expect(walk.dialled).toEqual(['a', 'b'])
  })

  test('are looked for from the one that was connected', async () => {
    walk = new Walk(['a', 'b', 'c'])
    walk.answer = (address) => (address === 'b' ? true : refused())
    await walk.life.begin({ isPatient: false })
    walk.dialled.length = 0
    walk.answer = (address) => (address === 'a' ? true : refused())
    walk.life.lost(lost)
    await walk.pass(50)
    expect(walk.dialled).toEqual(['b', 'c', 'a'])
    expect(walk.life.now).toEqual({ state: 'connected', address: 'a', resumed: false })
  })

  test('are given up one by one: what is permanent there may be otherwise here', async () => {
    walk = new Walk(['a', 'b'])
    const [codec, version] = [new NetQueueError('CODEC_MISMATCH', 'no'), new NetQueueError('VERSION_MISMATCH', 'no')]
    walk.answer = (address) => (address === 'a' ? codec : true)
    await walk.life.begin({ isPatient: false })
    expect([walk.life.state, walk.dialled]).toEqual(['connected', ['a', 'b']])
    walk.answer = (address) => (address === 'a' ? codec : version)
    walk.life.lost(lost)
    await walk.pass(50)
    expect([walk.dialled.slice(2), walk.gaveUp, walk.env.timers]).toEqual([['b', 'a'], [codec], 0])
  })

  test('are looked for without the one that would never do, with a delay for each round', async () => {
    walk = new Walk(['a', 'b'])
    walk.answer = (address) => (address === 'a' ? new NetQueueError('CODEC_MISMATCH', 'no') : refused())
    walk.life.begin({ isPatient: true }).catch(() => {})
    await walk.pass(0)
    for (const ms of [50, 100]) await walk.pass(ms)
    expect([walk.dialled, walk.told.at(-1)]).toEqual([['a', 'b', 'b', 'b'], 'connecting 5'])
    walk.life.close()
    await walk.pass(0)
  })

  test('have their turn when the one that is there drops what it takes, again and again', async () => {
    walk = new Walk(['a', 'b'])
    walk.answer = () => true
    await walk.life.begin({ isPatient: false })
    for (const ms of [50, 100, 200, 400]) {
      walk.life.lost(lost)
      await walk.pass(ms)
    }
    expect(walk.dialled).toEqual(['a', 'a', 'b', 'b', 'a'])
    await walk.pass(10_000)
    walk.life.lost(lost)
    await walk.pass(50)
    expect(walk.dialled.at(-1)).toBe('a')
  })

  test('are left for the next one when the server closes; the last one is the end, unless one was lost meanwhile', async () => {
    walk = new Walk(['a', 'b'])
    walk.answer = () => true
    await walk.life.begin({ isPatient: false })
    expect(walk.life.goesOn).toBe(true)
    walk.life.dismissed()
    walk.life.lost(lost)
    await walk.pass(50)
    expect([walk.life.address, walk.life.goesOn]).toEqual(['b', false])
    walk.life.lost(lost)
    await walk.pass(100)
    expect([walk.life.address, walk.life.goesOn]).toEqual(['b', true])
  })
})
