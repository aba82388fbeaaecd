import { expect, test } from 'vitest'
import { mapThrough } from './map.ts'
import type { Submission } from './map.ts'

function* count(to: number): Generator<number> {
  for (let item = 0; item < to; item += 1) yield item
}

test('P11: map() with many items at once causes no warning about listeners', async () => {
  const warnings: Error[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  const submit = (item: number, { signal }: Submission): Promise<{ result: number; bytes: number }> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {}, { once: true })
      setImmediate(() => resolve({ result: item, bytes: 1 }))
    })
  const results: number[] = []
  for await (const result of mapThrough(count(100), submit, {})) results.push(result as number)
  process.off('warning', note)
  expect(results).toEqual([...count(100)])
  expect(warnings).toEqual([])
})

test('P1: map() cancels what is at work when its reader leaves, and only that', async () => {
  const signals: AbortSignal[] = []
  const submit = (item: number, { signal }: Submission): Promise<{ result: number; bytes: number }> => {
    signals.push(signal)
    return item < 2 ? Promise.resolve({ result: item, bytes: 1 }) : new Promise(() => {})
  }
  for await (const result of mapThrough(count(10), submit, { window: 5 })) if (result === 1) break
  expect(signals.map(({ aborted }) => aborted)).toEqual(signals.map((_, item) => item > 1))
})
