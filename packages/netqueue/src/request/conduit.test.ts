import { describe, expect, test } from 'vitest'

import { NetQueueError, RemoteError } from '../errors/errors.ts'
import { Conduit } from './conduit.ts'
import { Lanes } from './lanes.ts'
import type { ExchangeWriter } from './mail.ts'

const limits = { maxStreamChunks: 8, maxStreamBytes: 1_000 }

/** A conduit between two sides, and what is written on each. */
class Bench {
  readonly source = { lanes: new Lanes({ wake: () => {}, flush: () => {} }), limits, maxItemBytes: 100 }
  readonly sink = { lanes: new Lanes({ wake: () => {}, flush: () => {} }), limits, maxItemBytes: 100 }
  ended = 0
  readonly conduit = new Conduit({
    source: this.source,
    sink: this.sink,
    channel: 3,
    direction: 'body',
    ended: () => (this.ended += 1),
  })
  readonly written: string[] = []
  granted = { chunks: 0, bytes: 0 }

  constructor() {
    this.conduit.open(1)
    this.conduit.start(9)
  }

  /** Writes what is due on one side, so many records at most. */
  fill(side: 'source' | 'sink', most = Number.POSITIVE_INFINITY): void {
    let left = most
    const write = (what: string): boolean => {
      if (left === 0) return false
      left -= 1
      this.written.push(what)
      return true
    }
    const writer: Partial<ExchangeWriter> = {
      chunk: ({ tag, channel, direction, payload }) => write(`${tag}/${channel} ${direction} ${payload.length}`),
      chunkEnd: ({ tag, code, reason }) => write(`${tag} end ${code}${reason === '' ? '' : `: ${reason}`}`),
      chunkCredit: ({ tag, chunks, bytes }) => {
        this.granted = { chunks, bytes }
        return write(`${tag} credit ${chunks}`)
      },
    }
    // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- no array
    this[side].lanes.fill(writer as ExchangeWriter)
  }

  push(count: number, bytes = 1): void {
    for (let index = 0; index < count; index += 1) this.conduit.push(new Uint8Array(bytes))
  }

  said(): string[] {
    return this.written.splice(0)
  }
}

describe('P6: credit from end to end', () => {
  test('nothing is granted before the other end has granted it, and then no more than that', () => {
    const bench = new Bench()
    bench.fill('source')
    expect(bench.said()).toEqual([])
    bench.conduit.granted(2, 500)
    bench.fill('source')
    expect(bench.granted).toEqual({ chunks: 2, bytes: 500 })
    expect(() => bench.push(3)).toThrow(expect.objectContaining({ code: 'CREDIT_EXCEEDED' }))
  })

  test('an end that grants without bound, and takes nothing, has a window here and no more', () => {
    const bench = new Bench()
    bench.conduit.granted(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    bench.fill('source')
    expect(bench.granted).toEqual({ chunks: 8, bytes: 1_000 })
    bench.push(8)
    bench.fill('source')
    expect(bench.granted.chunks).toBe(8)
    expect(() => bench.push(1)).toThrow(expect.objectContaining({ code: 'CREDIT_EXCEEDED' }))
  })

  test('as it takes, more is granted, half a window at a time', () => {
    const bench = new Bench()
    bench.conduit.granted(100, 100_000)
    bench.fill('source')
    bench.push(8)
    const grants: number[] = []
    for (let taken = 0; taken < 8; taken += 1) {
      bench.fill('sink', 1)
      bench.fill('source')
      grants.push(bench.granted.chunks)
    }
    expect(grants).toEqual([8, 8, 8, 12, 12, 12, 12, 16])
  })

  test('bytes count as well as chunks; one chunk may overshoot', () => {
    const bench = new Bench()
    bench.conduit.granted(8, 100)
    bench.fill('source')
    bench.push(1, 300)
    expect(() => bench.push(1)).toThrow(expect.objectContaining({ code: 'CREDIT_EXCEEDED', limit: 'maxStreamBytes' }))
  })

  test('credit never falls, whatever is said', () => {
    const bench = new Bench()
    bench.conduit.granted(5, 500)
    bench.conduit.granted(2, 900)
    bench.fill('source')
    expect(bench.granted).toEqual({ chunks: 5, bytes: 900 })
  })
})

describe('the end of a stream', () => {
  test('comes behind the chunks, with the code and reason of the other end', () => {
    const bench = new Bench()
    bench.conduit.granted(8, 1_000)
    bench.fill('source')
    bench.push(2)
    bench.conduit.end(new RemoteError('TORN', { reason: 'a leaf was torn' }))
    bench.said()
    bench.fill('sink')
    expect(bench.said()).toEqual(['9/3 body 1', '9/3 body 1', '9 end TORN: a leaf was torn'])
    expect(bench.ended).toBe(1)
  })

  test('of a connection that is lost is its code, and of a complete one none', () => {
    const [torn, whole] = [new Bench(), new Bench()]
    torn.conduit.end(new NetQueueError('CONNECTION_LOST', 'The cable was pulled'))
    whole.conduit.end()
    for (const bench of [torn, whole]) bench.fill('sink')
    expect([torn.said(), whole.said()]).toEqual([['9 end CONNECTION_LOST'], ['9 end ']])
  })

  test('behind a chunk that is too long for the sink is ITEM_TOO_LARGE, and what follows is dropped', () => {
    const bench = new Bench()
    bench.conduit.granted(8, 1_000)
    bench.fill('source')
    bench.push(1, 100)
    bench.push(1, 101)
    bench.push(2)
    bench.said()
    bench.fill('sink')
    bench.push(1)
    bench.conduit.end()
    bench.fill('sink')
    expect([bench.said(), bench.ended]).toEqual([['9/3 body 100', '9 end ITEM_TOO_LARGE'], 1])
  })

  test('finish() drops what waits, and what comes then', () => {
    const bench = new Bench()
    bench.conduit.granted(8, 1_000)
    bench.fill('source')
    bench.push(3)
    bench.conduit.finish({ code: 'STOPPED', reason: '' })
    bench.push(2)
    bench.conduit.end()
    void bench.conduit.cease()
    bench.said()
    bench.fill('sink')
    bench.fill('sink')
    expect([bench.said(), bench.ended]).toEqual([['9 end STOPPED'], 1])
  })

  test('cease() says nothing more, and grants nothing more', async () => {
    const bench = new Bench()
    bench.conduit.granted(4, 1_000)
    bench.fill('source')
    bench.push(2)
    await bench.conduit.cease()
    bench.conduit.granted(8, 2_000)
    bench.said()
    bench.fill('sink')
    bench.fill('source')
    expect(bench.said()).toEqual([])
  })

  test('a stream that goes elsewhere before anything of it had left waits for that', () => {
    const bench = new Bench()
    const other = new Lanes({ wake: () => {}, flush: () => {} })
    bench.conduit.to({ lanes: other, limits, maxItemBytes: 100 })
    bench.conduit.granted(4, 1_000)
    bench.fill('source')
    bench.push(1)
    bench.said()
    bench.fill('sink')
    expect([bench.said(), other.isEmpty]).toEqual([[], true])
    bench.conduit.start(12)
    expect(other.isEmpty).toBe(false)
  })
})
