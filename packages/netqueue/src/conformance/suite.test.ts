import { describe, expect, test } from 'vitest'

import { Runner } from '../../test/support/runner.ts'
import { memoryPair } from '../transport/index.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import { testDuplex } from './duplex.ts'

describe('a suite', () => {
  const create = (): [ByteDuplex, ByteDuplex] => memoryPair()

  test('skips what is named, and gives the reason', () => {
    const runner = new Runner()
    testDuplex({ name: 'x', create, skips: { '10 MiB arrive whole': 'it is slow' } }, runner.functions)
    expect(runner.skipped).toEqual(['10 MiB arrive whole (skipped: it is slow)'])
    expect(runner.cases.has('10 MiB arrive whole')).toBe(false)
  })

  test('refuses to skip what it has no test of', () => {
    const call = (): void => testDuplex({ name: 'x', create, skips: { 'all of it': 'no' } }, new Runner().functions)
    expect(call).toThrow(new TypeError('Expected the keys of `skips` to be titles of tests, got "all of it"'))
  })

  test('runs each test within `around`', async () => {
    const runner = new Runner()
    const ran: string[] = []
    const around = async (run: () => Promise<void>): Promise<void> => {
      ran.push('before')
      await run()
      ran.push('after')
    }
    testDuplex({ name: 'x', create, around }, runner.functions)
    expect(await runner.fails('both sides end without a byte')).toBe(false)
    expect(ran).toEqual(['before', 'after'])
  })
})
