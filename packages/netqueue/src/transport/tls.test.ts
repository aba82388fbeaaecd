import { describe, expect, test } from 'vitest'
import { Authority } from '../../test/support/certificates.ts'
import { collect } from '../../test/support/bytes.ts'
import { expectHandles, handles, leavingNoHandle, turn } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { testTransport } from '../conformance/index.ts'
import { Chance } from '../testing/chance.ts'
import { tls } from './tls.ts'
import type { ByteDuplex } from './transport.ts'

const authority = await Authority.found()
const identity = await authority.issue()
const { ca } = authority

for (const [name, host] of [
  ['IPv4', '127.0.0.1'],
  ['a name', 'localhost'],
] as const)
  testTransport(
    {
      name: `tls, ${name}`,
      // A resolver that takes no time: whoever has connected is there a few turns later.
      create: (options) => tls({ lookup: async () => ['127.0.0.1'], ca, ...identity, ...options }),
      address: `tls://${host}:0`,
      nobody: `tls://${host}:1`,
      around: leavingNoHandle,
    },
    { describe, test },
  )

/** Reads and writes, half-closes or not, until either side cuts the connection at whatever moment. */
async function live(duplex: ByteDuplex, chance: Chance): Promise<void> {
  const turns = chance.below(60)
  const pieces = Array.from({ length: chance.below(4) }, () => new Uint8Array(chance.below(100_000) + 1))
  const both = Promise.all([failureOf(duplex.sink(pieces)), failureOf(collect(duplex.source))])
  for (let passed = 0; passed < turns; passed += 1) await turn()
  duplex.abort?.(new Error('cut'))
  await both
  await duplex.closed
}

test('fault 44: connections that are cut at any moment, handshakes and ends included, leave nothing behind', async () => {
  const before = handles()
  const chance = new Chance(1)
  const transport = tls({ ca, ...identity })
  const listener = await transport.listen('tls://127.0.0.1:0')
  const lives: Promise<void>[] = []
  const serving = (async () => {
    for await (const served of listener) lives.push(live(served, chance))
  })()
  const dial = async (): Promise<void> => {
    const stop = new AbortController()
    const connecting = transport.connect(listener.address, { signal: stop.signal })
    const failure = failureOf(connecting)
    if (chance.below(3) === 0) for (let turns = chance.below(30); turns >= 0; turns -= 1) await turn()
    else await failure
    if (chance.below(3) === 0) stop.abort(new Error('changed my mind'))
    if ((await failure) === undefined) await live(await connecting, chance)
  }
  for (let rounds = 0; rounds < 20; rounds += 1) await Promise.all(Array.from({ length: 20 }, dial))
  await Promise.all(lives)
  await listener.close()
  await serving
  expect(lives.length).toBeGreaterThan(200)
  await expectHandles(before)
})
