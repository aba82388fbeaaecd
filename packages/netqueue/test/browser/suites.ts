import { testDuplex, testTransport } from '../../src/conformance/index.ts'
import type { TestFunctions } from '../../src/conformance/index.ts'
import * as netqueue from '../../src/index.ts'
import { websocket } from '../../src/transport/websocket-browser.ts'
import { portableSuite } from '../portable/index.ts'
import { protocolSuites } from '../support/protocols.ts'

export interface Addresses {
  /** Of a counterpart in Node. */
  there: () => string
  /** Of one in the page. */
  here: () => string
  /** Of whoever joins those who connect, in pairs. */
  pairs: () => string
}

const UNPAUSED = 'a browser reads whatever comes'

/** All that is tested in a page. */
export function defineSuites({ describe, test }: TestFunctions, { there, here, pairs }: Addresses): void {
  portableSuite({ name: 'over WebSocket', describe, test, netqueue, address: there })
  portableSuite({ name: 'in memory', describe, test, netqueue, address: here })
  const addresses = { address: 'memory:there', nobody: 'memory:nobody' }
  testTransport({ name: 'memory', create: netqueue.memory, ...addresses }, { describe, test })
  testDuplex(
    {
      name: 'WebSocket, from page to page',
      create: async () => [await websocket().connect(pairs()), await websocket().connect(pairs())],
      skips: {
        'a sink stops pulling while nobody reads, and goes on when someone does': UNPAUSED,
        'abort frees a sink that waits for room': UNPAUSED,
        'an abort by the other side frees a sink that waits for room': UNPAUSED,
      },
    },
    { describe, test },
  )
  testDuplex({ name: 'streams of the web', create: crossed }, { describe, test })
  protocolSuites({ describe, test })
}

function crossed(): [netqueue.ByteDuplex, netqueue.ByteDuplex] {
  const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
  return [
    netqueue.fromStreams({ readable: back.readable, writable: there.writable }),
    netqueue.fromStreams({ readable: there.readable, writable: back.writable }),
  ]
}
