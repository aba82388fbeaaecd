import { describe, test } from 'vitest'

import { testDuplex } from '../conformance/index.ts'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { memoryPair } from '../transport/index.ts'
import { chaosDuplex } from './chaos-duplex.ts'
import type { ChaosToxics } from './toxics.ts'

/** Networks that are only slow, or cut pieces, change nothing that a duplex promises. */
const networks: [string, ChaosToxics][] = [
  ['no toxics', {}],
  ['slices', { sliceBytes: 100_000 }],
  ['latency', { latencyMs: 1, jitterMs: 1 }],
]
for (const [name, toxics] of networks)
  testDuplex(
    {
      name: `chaosDuplex, ${name}`,
      create: () => {
        const [one, other] = memoryPair()
        return [chaosDuplex(one, toxics), other]
      },
      maxHeldBytes: 2 * 1024 * 1024,
      around: leavingNoHandle,
    },
    { describe, test },
  )
