import { describe, expect, test } from 'vitest'
import { EventLoop } from '../../test/support/event-loop.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Progress } from '../framing/progress.ts'
import { limitsFrom } from '../options/limits.ts'
import type { Limits } from '../options/limits.ts'
import { Liveness } from './liveness.ts'
import type { Watched } from './liveness.ts'
import { Pulse } from './pulse.ts'

/** Where a test does not look at a limit, it is off. */
const OFF = { heartbeatMs: 0, frameTimeoutMs: 0, sendTimeoutMs: 0 }

/** A side with connections, whose peers are played by hand. */
class Side {
  readonly loop = new EventLoop()
  readonly warnings: NetQueueError[] = []
  readonly pulse: Pulse

  constructor(limits: Partial<Limits>) {
    this.pulse = new Pulse({
      env: this.loop,
      limits: limitsFrom({ ...OFF, ...limits }),
      warn: (error) => this.warnings.push(error),
    })
  }

  open({ heartbeat = true } = {}): Peer {
    const peer = new Peer(this)
    peer.liveness.opened({ heartbeat })
    return peer
  }
}

class Peer implements Watched {
  readonly received: Progress = { begun: 2, done: 2 }
  readonly sent: Progress = { begun: 2, done: 2 }
  readonly liveness: Liveness
  readonly #side: Side
  /** Whether it answers pings, and how soon. */
  latency = Number.POSITIVE_INFINITY
  pings: number[] = []
  /** How it ended, and when. */
  end = ''
  endedAt = 0
  onFrame: () => void = () => {}

  constructor(side: Side) {
    this.#side = side
    this.liveness = new Liveness(this, side.pulse)
  }

  /** A whole frame comes. */
  says(): void {
    this.received.begun += 1
    this.received.done += 1
    this.onFrame()
  }

  ping(): void {
    this.pings.push(this.#side.loop.now())
    if (this.latency < Number.POSITIVE_INFINITY) this.#side.loop.arrive(() => this.says(), this.latency)
  }

  fail(error: NetQueueError): void {
    this.#ended(`told ${error.code} ${error.limit}`)
    this.liveness.goodbye()
  }

  lose(error: NetQueueError): void {
    this.#ended(`${error.code} ${error.limit}`)
    this.liveness.end()
  }

  leave(): void {
    this.#ended('left')
    this.liveness.end()
  }

  #ended(how: string): void {
    this.end += this.end === '' ? how : `, ${how}`
    this.endedAt = this.#side.loop.now()
  }
}

/** From `ms` on, and at most an eighth and two sixty-fourths of a heartbeat later. */
function expectAt(at: number, ms: number, heartbeatMs: number): void {
  expect(at).toBeGreaterThanOrEqual(ms)
  expect(at).toBeLessThanOrEqual(ms + heartbeatMs * (1 / 8 + 1 / 32))
}

describe('P9: a peer that says nothing', () => {
  test('is asked to after one heartbeat, and lost after two', () => {
    const side = new Side({ heartbeatMs: 15_000 })
    side.loop.advance(77)
    const peer = side.open()
    side.loop.advance(60_000)
    expect(peer.pings.length).toBe(1)
    expectAt(peer.pings[0] as number, 15_077, 15_000)
    expect(peer.end).toBe('CONNECTION_LOST heartbeatMs')
    expectAt(peer.endedAt, 30_077, 15_000)
    expect(side.loop.timers).toBe(0)
  })

  test('is alive as long as it answers, however late in its time', () => {
    const side = new Side({ heartbeatMs: 1_000 })
    const peers = [1, 500, 990].map((latency) => Object.assign(side.open(), { latency }))
    side.loop.advance(60_000)
    expect(peers.map(({ end }) => end)).toEqual(['', '', ''])
    for (const { pings } of peers) expect(pings.length).toBeGreaterThan(20)
  })

  test('is not asked as long as it says something of its own accord', () => {
    const side = new Side({ heartbeatMs: 1_000 })
    const peer = side.open()
    for (let second = 0; second < 60; second += 1) {
      side.loop.advance(800)
      peer.says()
    }
    expect([peer.end, peer.pings]).toEqual(['', []])
  })

  test('fault 9: bytes of a frame that does not end are no sign of life', () => {
    const side = new Side({ heartbeatMs: 1_000 })
    const peer = side.open()
    side.loop.advance(500)
    peer.received.begun += 1
    side.loop.advance(10_000)
    expect(peer.end).toBe('CONNECTION_LOST heartbeatMs')
    expectAt(peer.endedAt, 2_000, 1_000)
  })

  test('has all the time there is where heartbeats are off, or where its protocol has none', () => {
    const side = new Side({ heartbeatMs: 0 })
    const original = new Side({ heartbeatMs: 1_000, frameTimeoutMs: 1_000, sendTimeoutMs: 1_000 })
    const peers = [side.open(), original.open({ heartbeat: false })]
    for (const { sent } of peers) sent.begun += 1
    for (const { loop } of [side, original]) loop.advance(1_000_000)
    expect(peers.map(({ end, pings }) => [end, pings])).toEqual([
      ['', []],
      ['', []],
    ])
  })
})

describe('fault 9: a frame that does not come whole', () => {
  test('ends the connection, though others came before it all the time', () => {
    const side = new Side({ frameTimeoutMs: 30_000 })
    const peer = side.open()
    for (let second = 0; second < 60; second += 1) {
      side.loop.advance(1_000)
      peer.says()
    }
    side.loop.advance(700)
    peer.received.begun += 1
    const begunAt = side.loop.now()
    side.loop.advance(100_000)
    expect(peer.end).toBe('FRAME_TIMEOUT frameTimeoutMs')
    expectAt(peer.endedAt, begunAt + 30_000, 30_000)
  })

  test('has its own time: a stream of slow frames is none', () => {
    const side = new Side({ frameTimeoutMs: 1_000 })
    const peer = side.open()
    peer.received.begun += 1
    for (let frame = 0; frame < 60; frame += 1) {
      side.loop.advance(900)
      peer.says() // one ends, the next begins
    }
    expect(peer.end).toBe('')
    side.loop.advance(1_200)
    expect(peer.end).toBe('FRAME_TIMEOUT frameTimeoutMs')
  })

  test('ends a connection with an original, too', () => {
    const side = new Side({ frameTimeoutMs: 1_000 })
    const peer = side.open({ heartbeat: false })
    peer.received.begun += 1
    side.loop.advance(2_000)
    expect(peer.end).toBe('FRAME_TIMEOUT frameTimeoutMs')
  })
})

describe('fault 10: a peer that takes nothing', () => {
  test('is cut as SLOW_PEER, though it goes on talking', () => {
    const side = new Side({ heartbeatMs: 15_000, sendTimeoutMs: 30_000 })
    const peer = side.open()
    peer.sent.begun += 1
    for (let second = 0; second < 60; second += 1) {
      side.loop.advance(1_000)
      peer.says()
    }
    expect(peer.end).toBe('SLOW_PEER sendTimeoutMs')
    expectAt(peer.endedAt, 30_000, 15_000)
  })

  test('and one that takes a little now and then is not', () => {
    const side = new Side({ sendTimeoutMs: 1_000 })
    const peer = side.open()
    peer.sent.begun += 1
    for (let frame = 0; frame < 60; frame += 1) {
      side.loop.advance(900)
      peer.sent.done += 1
      peer.sent.begun += 1
    }
    expect(peer.end).toBe('')
  })
})

describe('P11: the deadlines of the beginning and of the end', () => {
  test('an introduction that is not over in time is told so, and has 2 s for its goodbye', () => {
    const side = new Side({ handshakeTimeoutMs: 5_000 })
    const peer = new Peer(side)
    side.loop.advance(4_999)
    expect(peer.end).toBe('')
    side.loop.advance(100)
    expect(peer.end).toBe('told HANDSHAKE_TIMEOUT handshakeTimeoutMs')
    side.loop.advance(1_900)
    expect(peer.end).toBe('told HANDSHAKE_TIMEOUT handshakeTimeoutMs')
    side.loop.advance(200)
    expect(peer.end).toBe('told HANDSHAKE_TIMEOUT handshakeTimeoutMs, left')
    expect(side.loop.timers).toBe(0)
  })

  test('fault 41: an introduction that had come while we stood still is none that is late', () => {
    const side = new Side({ handshakeTimeoutMs: 5_000 })
    const peer = new Peer(side)
    side.loop.arrive(() => peer.liveness.opened({ heartbeat: true }), 1)
    side.loop.stall(6_000)
    side.loop.advance(10_000)
    expect(peer.end).toBe('')
  })
})

describe('fault 41: a process that stands still', () => {
  const CLIENTS = 200

  /** Live clients with heartbeats of a second, at a server that stops for three; and what a timer for each would have made of them. */
  function stall(ms: number): { lost: number; lostByTimers: number; warnings: NetQueueError[] } {
    const side = new Side({ heartbeatMs: 1_000 })
    const timedOut = new Set<Peer>()
    const peers = Array.from({ length: CLIENTS }, () => {
      side.loop.advance(7)
      const peer = Object.assign(side.open(), { latency: 5 })
      let timer = side.loop.setTimer(() => timedOut.add(peer), 2_000)
      peer.onFrame = () => {
        timer.cancel()
        timer = side.loop.setTimer(() => timedOut.add(peer), 2_000)
      }
      return peer
    })
    side.loop.advance(10_000)
    expect(timedOut.size).toBe(0)
    // They all say something in the time in which we stand still.
    for (const peer of peers) side.loop.arrive(() => peer.says(), 100 + ms / 2)
    side.loop.stall(ms)
    side.loop.advance(1_500)
    return {
      lost: peers.filter(({ end }) => end !== '').length,
      lostByTimers: timedOut.size,
      warnings: side.warnings,
    }
  }

  test('for 3 s takes none of 200 live clients for lost, and a timer for each would take nearly all', () => {
    const { lost, lostByTimers } = stall(3_000)
    expect(lost).toBe(0)
    expect(lostByTimers).toBeGreaterThan(CLIENTS * 0.9)
  })

  test('says so once, and for how long, from one heartbeat on', () => {
    const { warnings } = stall(3_000)
    expect(warnings.map(({ code, limit }) => [code, limit])).toEqual([['STALLED', 'heartbeatMs']])
    expect(warnings[0]?.value).toBeGreaterThan(2_800)
    expect(warnings[0]?.value).toBeLessThanOrEqual(3_000)
    expect(stall(900).warnings).toEqual([])
  })

  test('loses those all the same that are gone', () => {
    const side = new Side({ heartbeatMs: 1_000 })
    const dead = side.open()
    side.loop.advance(1_950)
    side.loop.stall(3_000)
    side.loop.advance(200)
    expect(dead.end).toBe('CONNECTION_LOST heartbeatMs')
  })

  test('at the very moment of the last look: what had come meanwhile is read first', () => {
    const side = new Side({ heartbeatMs: 1_000 })
    const peer = side.open()
    side.loop.advance(1_950)
    side.loop.arrive(() => peer.says(), 500)
    side.loop.stall(3_000)
    side.loop.advance(200)
    expect(peer.end).toBe('')
  })
})

describe('the looks', () => {
  test('of a thousand connections share timers, and leave none behind', () => {
    const side = new Side({ heartbeatMs: 15_000 })
    const peers = Array.from({ length: 1_000 }, () => {
      side.loop.advance(1)
      return Object.assign(side.open(), { latency: 1 })
    })
    side.loop.advance(20_000)
    expect(side.loop.timers).toBeLessThan(130)
    expect(peers.some(({ end }) => end !== '')).toBe(false)
    for (const { liveness } of peers) liveness.end()
    for (const { liveness } of peers) liveness.end()
    expect(side.loop.timers).toBe(0)
  })

  test('are not there where every limit is off', () => {
    const side = new Side({})
    side.open()
    expect(side.loop.timers).toBe(0)
  })

  test.each([2 ** 31, Number.POSITIVE_INFINITY])('fault 40: limits of %d ms are not over at once', (ms) => {
    const side = new Side({ heartbeatMs: ms, frameTimeoutMs: ms, sendTimeoutMs: ms, handshakeTimeoutMs: ms })
    const peers = [side.open(), new Peer(side)]
    side.loop.advance(1_000_000)
    expect(peers.map(({ end }) => end)).toEqual(['', ''])
  })
})
