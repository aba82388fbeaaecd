import { MessageChannel } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { collect, pattern } from '../../test/support/bytes.ts'
import { turn } from '../../test/support/handles.ts'
import { testDuplex } from '../conformance/index.ts'
import { fromPort } from './stdio-port.ts'
import type { ByteDuplex } from './transport.ts'

function pair(): [ByteDuplex, ByteDuplex] {
  const { port1, port2 } = new MessageChannel()
  return [fromPort(port1, { remoteAddress: 'stdio:' }), fromPort(port2, { remoteAddress: 'stdio:' })]
}

testDuplex({ name: 'a port', create: pair, maxHeldBytes: 512 * 1024, around: leavingNoPort }, { describe, test })

/** Runs a test, and looks whether it left a port open. */
async function leavingNoPort(run: () => Promise<void>): Promise<void> {
  const ports = (): number => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
  const before = ports()
  await run()
  for (let turns = 0; turns < 2_000 && ports() !== before; turns += 1) await turn()
  expect(ports()).toBe(before)
}

test('what is sent may be used again: only a copy moves over', async () => {
  const [one, other] = pair()
  const whole = pattern(1_000)
  const sent = one.sink([whole.subarray(10, 20)])
  const [got] = await Promise.all([collect(other.source), sent, other.sink([]), collect(one.source)])
  expect(got).toEqual(whole.slice(10, 20))
  expect(whole).toEqual(pattern(1_000))
})
