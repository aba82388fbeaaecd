import { describe, expect, test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Pace } from './pace.ts'

class Worker {
  readonly env = new VirtualEnv()
  readonly pace: Pace
  inHand = 0
  waiting = 0
  hasMany = false
  returned = 0
  askedBack = 0
  pings = 0

  constructor({ rtt, max = 1_000, patience }: { rtt?: number; max?: number; patience?: number } = {}) {
    this.pace = new Pace({
      env: this.env,
      rtt: () => rtt,
      max,
      patience,
      isBusy: () => this.inHand > 0,
      waiting: () => this.waiting,
      hasMany: () => this.hasMany,
      measureRtt: () => (this.pings += 1),
      fell: () => (this.askedBack += 1),
      overdue: () => {
        this.returned += this.waiting
        this.waiting = 0
      },
    })
  }

  wait(items: number): void {
    this.waiting = items
    this.pace.watch()
  }

  take(): void {
    this.inHand += 1
    this.pace.took()
  }

  finish(): void {
    this.inHand -= 1
    this.pace.finished()
  }

  /** Works on items that are all here, one after the other. */
  work(items: number, ms: number): void {
    for (let item = 0; item < items; item += 1) {
      this.take()
      this.env.advance(ms)
      this.finish()
    }
  }
}

test('the round trip is measured once a second while there is work, or items wait', () => {
  const worker = new Worker()
  worker.work(3_000, 1)
  expect(worker.pings).toBe(3)
  worker.env.advance(5_000)
  expect(worker.pings).toBe(3)
  worker.wait(1)
  worker.env.advance(2_500)
  expect(worker.pings).toBe(6)
})

describe('with patience', () => {
  test('work that stands still counts as slow after so many looks in a row, and what waits goes back after as many more', () => {
    const worker = new Worker({ patience: 5 })
    worker.work(1_000, 0.01)
    worker.take()
    worker.wait(10)
    worker.env.advance(55) // the first look still sees something finished
    expect(worker.pace.window).toBeGreaterThan(10)
    worker.env.advance(10)
    expect([worker.pace.window, worker.returned]).toEqual([1, 0])
    worker.env.advance(40)
    expect(worker.returned).toBe(10)
  })

  test('what comes after that waits as long before it goes back', () => {
    const worker = new Worker({ patience: 5 })
    worker.take()
    for (const returned of [10, 20]) {
      worker.wait(10)
      worker.env.advance(45)
      expect(worker.returned).toBe(returned - 10)
      worker.env.advance(10)
      expect(worker.returned).toBe(returned)
    }
  })

  test('what waits for a moment only does not go back, however little is wanted now', () => {
    const worker = new Worker({ patience: 5 })
    worker.work(10, 5)
    worker.take()
    worker.wait(10)
    worker.env.advance(30)
    worker.waiting = 0
    worker.env.advance(10)
    worker.wait(10)
    worker.env.advance(40)
    expect(worker.returned).toBe(0)
    worker.env.advance(20)
    expect(worker.returned).toBe(10)
  })
})

describe('prefetch: auto holds', () => {
  test('one item as long as nothing is known, and where no time passes', () => {
    const worker = new Worker()
    expect(worker.pace.window).toBe(1)
    worker.work(10, 0)
    expect(worker.pace.window).toBe(1)
  })

  test.each([
    { ms: 50, window: 1 },
    { ms: 2, window: 1 },
    { ms: 0.5, window: 4 },
    { ms: 0.02, window: 100 },
    { ms: 0.0001, window: 1_000 },
  ])('$window items that take $ms ms: two milliseconds’ work, at most what is allowed', ({ ms, window }) => {
    const worker = new Worker()
    worker.work(4 * window, ms)
    expect(worker.pace.window).toBeCloseTo(window, -1)
  })

  test('of the quickest items 1,024, and more where a round trip takes more', () => {
    const near = new Worker({ max: 100_000 })
    const far = new Worker({ max: 100_000, rtt: 10 })
    for (const worker of [near, far]) worker.work(100_000, 0.0005)
    expect([near.pace.window, Math.round(far.pace.window / 1_000)]).toEqual([1_024, 40])
  })

  test('two round trips’ work where that is more', () => {
    const worker = new Worker({ rtt: 10 })
    worker.work(100, 1)
    expect(worker.pace.window).toBe(20)
  })

  test('what several handlers do in that time together', () => {
    const worker = new Worker({ rtt: 10 })
    for (let count = 0; count < 4; count += 1) worker.take()
    for (let count = 0; count < 400; count += 1) {
      worker.env.advance(0.25)
      worker.finish()
      worker.take()
    }
    expect(worker.pace.window).toBe(80)
  })

  test('no more after a time without work', () => {
    const worker = new Worker()
    worker.work(100, 0.5)
    worker.pace.starved()
    worker.env.advance(60_000)
    worker.work(100, 0.5)
    expect(worker.pace.window).toBe(4)
  })

  test('as many where the last item was finished in the moment of a look', () => {
    const worker = new Worker()
    worker.work(20, 0.5)
    worker.take()
    worker.env.setTimer(() => worker.finish(), 10)
    worker.wait(1)
    worker.env.advance(10)
    worker.work(20, 0.5)
    expect(worker.pace.window).toBeGreaterThan(1)
  })

  test('what is found out later, where the first look falls into the moment in which work begins', () => {
    const worker = new Worker()
    worker.env.setTimer(() => worker.take(), 10)
    worker.wait(1)
    worker.pace.starved()
    worker.env.advance(10)
    expect(worker.pace.window).toBe(1)
    worker.work(20, 0.5)
    expect(worker.pace.window).toBe(4)
  })

  test('hardly fewer after a moment in which somebody else had the core', () => {
    const worker = new Worker()
    worker.work(400, 0.02)
    worker.work(1, 8)
    worker.pace.starved()
    worker.work(100, 0.02)
    expect(worker.pace.window).toBeGreaterThan(60)
  })

  test('fewer when items begin to take longer', () => {
    const worker = new Worker()
    worker.work(200, 0.01)
    worker.work(200, 10)
    expect(worker.pace.window).toBe(1)
  })
})

describe('an item that takes its time', () => {
  test('sends back what waits behind it, and leaves one that is next in line to itself', () => {
    const worker = new Worker()
    worker.work(200, 0.01)
    worker.take()
    worker.wait(150)
    worker.env.advance(10)
    expect(worker.returned).toBe(150)
    worker.finish()
    worker.work(20, 50)
    worker.wait(1)
    worker.env.advance(50)
    expect(worker.returned).toBe(150)
    worker.pace.end()
    expect(worker.env.timers).toBe(0)
  })

  test('is looked for only while something waits, and never again after the end', () => {
    const worker = new Worker()
    worker.work(200, 0.01)
    expect(worker.env.timers).toBe(0)
    worker.wait(1)
    worker.waiting = 0
    worker.env.advance(10)
    expect(worker.env.timers).toBe(0)
    worker.pace.end()
    worker.wait(1)
    expect(worker.env.timers).toBe(0)
  })

  test('counts although it began when nothing waited, and what was too much then is asked back', () => {
    const worker = new Worker()
    worker.work(200, 0.01)
    worker.take()
    worker.env.advance(50)
    worker.finish()
    worker.pace.starved()
    expect(worker.pace.window).toBeLessThan(20)
    expect(worker.askedBack).toBe(1)
    worker.take()
    worker.wait(100)
    worker.env.advance(10)
    expect(worker.returned).toBe(100)
  })

  test('counts where items are taken now and then and settled at once: what came meanwhile goes back', () => {
    const worker = new Worker()
    worker.work(200, 0.001)
    worker.pace.starved()
    worker.wait(500)
    worker.env.advance(100)
    expect([worker.returned, worker.pace.window]).toEqual([500, 1])
  })
})

describe('the round trip', () => {
  test('is measured again each second while there is work', () => {
    const worker = new Worker()
    worker.work(3_500, 1)
    expect(worker.pings).toBe(3)
  })
})
