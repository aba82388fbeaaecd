import { expect, test } from 'vitest'

import { toxicsOf } from './toxics.ts'
import type { ChaosToxics, Way } from './toxics.ts'

test('what stands under a way goes before what stands beside it', () => {
  const toxics: ChaosToxics = { latencyMs: 5, sliceBytes: 7, up: { latencyMs: 20 }, down: { jitterMs: 1 } }
  expect(toxicsOf(toxics, 'up')).toMatchObject({ latencyMs: 20, sliceBytes: 7, jitterMs: 0 })
  expect(toxicsOf(toxics, 'down')).toMatchObject({ latencyMs: 5, sliceBytes: 7, jitterMs: 1 })
})

test.each([
  [{ latencyMs: -1 }, RangeError, '`latencyMs`'],
  [{ sliceBytes: 0 }, RangeError, '`sliceBytes`'],
  [{ bytesPerSecond: 1.5 }, RangeError, '`bytesPerSecond`'],
  [{ up: { limitBytes: '1' } }, TypeError, '`limitBytes`'],
  [{ down: { latency: 1 } }, TypeError, 'the name of a toxic, got "latency"'],
])('%o is refused', (toxics, kind, text) => {
  const call = (): unknown => ['up', 'down'].map((way) => toxicsOf(toxics as ChaosToxics, way as Way))
  expect(call).toThrow(kind)
  expect(call).toThrow(text)
})
