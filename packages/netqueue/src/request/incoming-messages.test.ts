import { expect, test } from 'vitest'

import { usedHeap } from '../../test/support/heap.ts'
import { Clock } from '../../test/support/nodes.ts'
import { requestLimitDefaults } from './limits.ts'
import { IncomingMessages } from './incoming-messages.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Vocabulary } from './vocabulary.ts'

const payload = new Uint8Array(0)

/** A relay's side of a child that may send nothing; tells of what it was warned. */
function refusing(): { send: (name: string) => void; warnings: string[] } {
  const warnings: string[] = []
  const warn = (error: Error): void => void warnings.push(error.message)
  const all = new IncomingMessages<string>({
    env: new Clock(),
    limits: requestLimitDefaults,
    vocabulary: { admits: () => false } as unknown as Vocabulary,
    subscriptions: new Subscriptions<string>({ limits: requestLimitDefaults, warn }),
    from: () => 'child',
    warn,
  })
  const send = (name: string): void =>
    all.take({ type: 'message', name: 0, headers: undefined, payload, route: { named: { name, codec: 'json' } } })
  return { send, warnings }
}

test('a message that a peer may not send is warned of once for its name', () => {
  const { send, warnings } = refusing()
  for (const name of ['a', 'b', 'a', 'b', 'a']) send(name)
  expect(warnings).toEqual([expect.stringContaining('send "a"'), expect.stringContaining('send "b"')])
})

test('P7: of 100,000 names that a peer may not send 1,024 are kept, and warned of; of the others nothing is', async () => {
  const { send, warnings } = refusing()
  const before = await usedHeap()
  for (let index = 0; index < 100_000; index += 1) send(`${index}`.padStart(128, 'x'))
  expect(warnings).toHaveLength(1_024)
  // All of them would take 13 MB at least.
  expect((await usedHeap()) - before).toBeLessThan(4 * 1_048_576)
  for (const index of [0, 1_023, 1_024, 99_999]) send(`${index}`.padStart(128, 'x'))
  expect(warnings).toHaveLength(1_024)
})
