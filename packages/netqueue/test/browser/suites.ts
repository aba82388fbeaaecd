import { testProtocol, testTransport } from '../../src/conformance/index.ts'
import type { TestFunctions } from '../../src/conformance/index.ts'
import * as netqueue from '../../src/index.ts'
import { portableSuite } from '../portable/index.ts'

export interface Addresses {
  /** Of a counterpart in Node. */
  there: () => string
  /** Of one in the page. */
  here: () => string
}

/** All that is tested in a page. */
export function defineSuites({ describe, test }: TestFunctions, { there, here }: Addresses): void {
  portableSuite({ name: 'over WebSocket', describe, test, netqueue, address: there })
  portableSuite({ name: 'in memory', describe, test, netqueue, address: here })
  const addresses = { address: 'memory:there', nobody: 'memory:nobody' }
  testTransport({ name: 'memory', create: netqueue.memory, ...addresses }, { describe, test })
  testProtocol({ name: 'net-queue', create: netqueue.netQueue }, { describe, test })
}
