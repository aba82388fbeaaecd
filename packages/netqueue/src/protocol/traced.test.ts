import { describe, test } from 'vitest'

import { testProtocol } from '../conformance/index.ts'
import { native, netQueue } from './net-queue/net-queue.ts'
import { packetstream } from './packetstream/packetstream.ts'
import { traced } from './traced.ts'

/** Whoever is traced says and hears the same. */
const skips = {
  'whatever a peer sends, in an introduction or behind it, is understood or a coded error':
    'a trace changes nothing of it',
}
for (const create of [native, netQueue, packetstream])
  testProtocol(
    { name: `${create().name}, traced`, create: () => traced(create(), () => {}), headers: { flags: '5' }, skips },
    { describe, test },
  )
