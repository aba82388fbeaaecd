import { describe, expect, test } from 'vitest'

import { isEqual, provenToken, proveToken } from '../src/protocol/net-queue/proof.ts'
import { Token } from '../src/protocol/token.ts'
import { cropped, welchT } from './support/welch.ts'

/** `npm run test:timing`: what is measured has to be alone on the machine, and so is no part of the tests that run together. */
const IS_TIMED = process.env['NETQUEUE_TIMING'] === '1'
/** Beyond it two classes differ for certain (one chance in 100,000 that they do not). Source: dudect, reliability.md fault 35. */
const MAX_T = 4.5
/** Of each measurement's slowest, which are pauses of the machine. */
const CROPPED = 0.1

const token = new Token('a token that nobody else knows')
const transcript = { client: new Uint8Array(45).fill(1), server: new Uint8Array(45).fill(2) }
const right = proveToken(token, 'client', transcript)

/** Guesses that differ from the proof in every byte, or in the last one alone. */
const GUESSES = [
  right.map((byte) => byte ^ 0xff),
  right.map((byte, index) => (index === 31 ? byte ^ 0xff : byte)),
] as const

interface Timing {
  t: number
  /** Nanoseconds of the mean of either class. */
  means: [number, number]
}

/** Times calls with two kinds of guess, in random order; each comes in the same bytes of memory. */
function timed(judge: (guess: Uint8Array) => unknown, { samples, calls }: { samples: number; calls: number }): Timing {
  const guess = new Uint8Array(right.length)
  const classes: [number[], number[]] = [[], []]
  for (let count = 0; count < samples; count += 1) {
    const kind = Math.random() < 0.5 ? 0 : 1
    guess.set(GUESSES[kind])
    const began = process.hrtime.bigint()
    for (let call = 0; call < calls; call += 1) judge(guess)
    classes[kind].push(Number(process.hrtime.bigint() - began) / calls)
  }
  const [one, other] = cropped(...classes, CROPPED)
  const meanOf = (of: number[]): number => of.reduce((sum, sample) => sum + sample, 0) / of.length
  return { t: welchT(one, other), means: [meanOf(one), meanOf(other)] }
}

const compare = (guess: Uint8Array): boolean => isEqual(guess, right)
const check = (guess: Uint8Array): unknown => provenToken(guess, [token], 'client', transcript)
/** As nobody should do it. */
const leak = (guess: Uint8Array): boolean => guess.every((byte, index) => byte === right[index])

describe('fault 35: how long a proof is compared tells nothing of where it is wrong', () => {
  test('every byte is looked at, whatever the first ones are', () => {
    const looksAt = (guess: Uint8Array): number => {
      let count = 0
      const watched = new Proxy(guess, {
        get: (bytes, key) => {
          if (typeof key === 'string' && /^\d+$/.test(key)) count += 1
          return Reflect.get(bytes, key, bytes) as unknown
        },
      })
      isEqual(watched, right)
      return count
    }
    expect([...GUESSES, right].map(looksAt)).toEqual([32, 32, 32])
  })

  test('every token is tried, whichever is right', () => {
    let count = 0
    class Counted extends Token {
      override macOf(parts: readonly Uint8Array[]): Uint8Array {
        count += 1
        return super.macOf(parts)
      }
    }
    const [first, second, third] = ['first', 'second', 'third'].map((name) => new Counted(`the ${name} of the tokens`))
    const tokens = [first, second, third] as Token[]
    const counts = [...tokens, token].map((known) => {
      const proof = proveToken(known, 'client', transcript)
      count = 0
      const proven = provenToken(proof, tokens, 'client', transcript)
      return [count, proven === known]
    })
    expect(counts).toEqual([...tokens.map(() => [3, true]), [3, false]])
  })

  test('the measurement tells classes that differ from those that do not', () => {
    const samples = (mean: number): number[] => Array.from({ length: 1_000 }, (_, index) => mean + ((index * 7) % 100))
    expect(Math.abs(welchT(samples(100), samples(100)))).toBeLessThan(MAX_T)
    expect(Math.abs(welchT(samples(100), samples(110)))).toBeGreaterThan(MAX_T)
    expect(cropped([1, 9, 2], [3, 4, 100], 0.3)).toEqual([
      [1, 2],
      [3, 4],
    ])
    for (const judge of [compare, check, leak])
      expect(timed(judge, { samples: 200, calls: 1 })).toEqual({ t: expect.any(Number), means: expect.any(Array) })
  })

  test.runIf(IS_TIMED)(
    'measured: |t| < 4.5 over a million comparisons, and far above for one that stops early',
    { timeout: 120_000 },
    () => {
      for (const judge of [compare, check, leak]) timed(judge, { samples: 20_000, calls: 1 }) // until it is compiled
      const figures = {
        comparison: timed(compare, { samples: 100_000, calls: 10 }),
        'whole check of a token': timed(check, { samples: 100_000, calls: 1 }),
        'a comparison that stops early': timed(leak, { samples: 100_000, calls: 10 }),
      }
      for (const [what, { t, means }] of Object.entries(figures))
        console.log(`${what}: t = ${t.toFixed(2)}, ${means.map((mean) => mean.toFixed(1)).join(' and ')} ns`)
      expect(Math.abs(figures.comparison.t)).toBeLessThan(MAX_T)
      expect(Math.abs(figures['whole check of a token'].t)).toBeLessThan(MAX_T)
      expect(Math.abs(figures['a comparison that stops early'].t)).toBeGreaterThan(MAX_T)
    },
  )
})
