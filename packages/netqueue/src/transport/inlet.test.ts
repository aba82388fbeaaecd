import { expect, test } from 'vitest'

import { pattern } from '../../test/support/bytes.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { Inlet } from './inlet.ts'

const END = { done: true, value: undefined }

/** Counts how often somebody read. */
class Counting extends Inlet {
  reads = 0

  protected override read(): void {
    this.reads += 1
  }
}

const make = (): Counting => new Counting()

test('is full at 256 KiB or 64 pieces, and low at half of that', async () => {
  const [wide, many] = [make(), make()]
  for (let piece = 0; piece < 4; piece += 1) wide.push(pattern(64 * 1024))
  for (let piece = 0; piece < 64; piece += 1) many.push(pattern(1))
  expect([wide.full, wide.low, many.full, many.low]).toEqual([true, false, true, false])
  for (let piece = 0; piece < 2; piece += 1) await wide.next()
  for (let piece = 0; piece < 32; piece += 1) await many.next()
  expect([wide.full, wide.low, many.full, many.low]).toEqual([false, true, false, true])
})

test('end and fail come after what waits', async () => {
  const [ended, failed] = [make(), make()]
  for (const inlet of [ended, failed]) inlet.push(pattern(1))
  ended.end()
  failed.fail(new Error('enough'))
  expect(await ended.next()).toEqual({ done: false, value: pattern(1) })
  expect(await failed.next()).toEqual({ done: false, value: pattern(1) })
  expect(await ended.next()).toEqual(END)
  await expect(failed.next()).rejects.toThrow('enough')
  await expect(failed.next()).rejects.toThrow('enough')
})

test('cut drops what waits', async () => {
  const inlet = make()
  inlet.push(pattern(1))
  inlet.cut(new Error('enough'))
  expect(inlet.size).toBe(0)
  await expect(inlet.next()).rejects.toThrow('enough')
})

test('the first of end, fail and return() counts, and nothing comes after it', async () => {
  const inlets = [make(), make(), make()] as const
  inlets[0].end()
  inlets[1].fail(new Error('first'))
  await inlets[2].return()
  for (const inlet of inlets) {
    inlet.push(pattern(1))
    inlet.fail(new Error('second'))
    inlet.end()
  }
  expect([await inlets[0].next(), await failureOf(inlets[1].next()), await inlets[2].next()]).toEqual([
    END,
    new Error('first'),
    END,
  ])
})

test('return() drops what waits, ends the next() that waits, and asks for more to drop', async () => {
  const inlet = make()
  const waiting = inlet.next()
  expect(await inlet.return()).toEqual(END)
  expect([await waiting, inlet.reads]).toEqual([END, 2])
})
