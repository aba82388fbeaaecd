import { afterAll, beforeAll, describe, test } from 'vitest'

import * as netqueue from '../../src/index.ts'
import { websocket } from '../../src/transport/websocket.ts'
import { counterpart, portableSuite } from './index.ts'
import type { Counterpart } from './index.ts'

const transports = [netqueue.memory(), netqueue.tcp(), websocket()]

describe.each(['memory:portable', 'tcp://127.0.0.1:0', 'ws://127.0.0.1:0/queue'])(
  'the portable suite at %s',
  (where) => {
    let server: Counterpart
    beforeAll(async () => {
      server = await counterpart({ netqueue, address: where, options: { transports } })
    })
    afterAll(() => server.close())

    portableSuite({ name: 'in Node', describe, test, netqueue, address: () => server.address, options: { transports } })
  },
)
