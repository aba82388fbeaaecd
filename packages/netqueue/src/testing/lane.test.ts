import { expect, test } from 'vitest'

import { collect, pattern } from '../../test/support/bytes.ts'
import { Direction } from './direction.ts'
import type { OnTheWay } from './direction.ts'
import { Lane } from './lane.ts'
import { virtualEnv } from './virtual-env.ts'

test('a lane that is over is forgotten by its direction', async () => {
  const lanes = new Set<unknown>()
  class Known extends Direction {
    override add(lane: OnTheWay): void {
      super.add(lane)
      lanes.add(lane)
    }

    override remove(lane: OnTheWay): void {
      super.remove(lane)
      lanes.delete(lane)
    }
  }
  const direction = new Known(virtualEnv(), 'up', {})
  const made = [[], [pattern(1)], [pattern(1)], [pattern(1)]].map((source) => new Lane(direction, source, () => {}))
  expect(lanes.size).toBe(4)
  await collect(made[0] as Lane)
  await collect(made[1] as Lane)
  await made[2]?.return()
  made[3]?.fail(new Error('enough'))
  expect(lanes.size).toBe(0)
})
