import { afterEach, expect, test } from 'vitest'

import type { Delivery } from '../src/index.ts'
import { observe, rest, until } from './support/nodes.ts'
import { ReturningClient } from './support/returning-client.ts'
import { comeBack, connected, dispose, join } from './support/resuming.ts'
import type { Setup } from './support/resuming.ts'

afterEach(dispose)

/** Deliveries that somebody has and does not settle by itself. */
function taking({ reader }: ReturningClient): Delivery<string, string>[] {
  const taken: Delivery<string, string>[] = []
  const take = async (): Promise<void> => {
    for await (const delivery of reader.deliveries()) taken.push(delivery)
  }
  take().catch(() => {})
  return taken
}

/** A second client of the same server, and what it has. */
async function another({
  server,
  clock,
}: Setup): Promise<{ taken: Delivery<string, string>[]; leave: () => Promise<void> }> {
  const client = new ReturningClient(clock, 'another')
  join(server, client)
  await until(() => client.log.length > 0)
  const taken = taking(client)
  await rest()
  return { taken, leave: () => client.gone() }
}

const warningsOf = ({ warnings }: Setup): unknown[] => warnings.map(({ code, value }) => [code, value])

test('fault 24: a producer that loses the reply to a put and resumes its session repeats nothing', async () => {
  const setup = await connected()
  const { server, client, cable } = setup
  const got: string[] = []
  void server.process((item) => void got.push(item))
  await rest()
  comeBack(setup)
  cable.limit('down', 0)
  await client.put('a')
  await until(() => client.settled.length === 1)
  await client.put('b')
  await until(() => client.settled.length === 2)
  expect([got, client.settled]).toEqual([
    ['a', 'b'],
    ['a done', 'b done'],
  ])
  expect(client.log).toEqual(['opened', 'suspended', 'resumed'])
})

test('fault 22: an item of one who is away too long goes to another; what that one says of it when it is back is too late', async () => {
  const setup = await connected({ settleTimeoutMs: 1_000 })
  const { server, client, clock, there } = setup
  const late = taking(client)
  await rest()
  await server.put('a')
  await until(() => late.length === 1)
  setup.cable.cut()
  await until(() => there.isAway)
  const { taken, leave } = await another(setup)
  expect(late[0]?.done()).toBe(true) // it cannot know
  clock.advance(1_000)
  await rest()
  expect(taken.map(({ item, attempt }) => [item, attempt])).toEqual([['a', 2]])
  join(server, client)
  await until(() => there.isConnected)
  await rest()
  expect(warningsOf(setup)).toEqual([
    ['SETTLE_TIMEOUT', 1],
    ['STALE_SETTLE', 1],
  ])
  const idle = observe(() => server.idle())
  await rest()
  expect([idle(), late.length]).toEqual(['waits', 1])
  taken[0]?.done()
  await server.idle()
  await leave()
})

test('P9: an item of one who is away is its own as long as its time runs, and can be settled when it is back', async () => {
  const setup = await connected({ settleTimeoutMs: 1_000 })
  const { server, client, clock, there } = setup
  const taken = taking(client)
  await rest()
  await server.put('a')
  await until(() => taken.length === 1)
  setup.cable.cut()
  await until(() => there.isAway)
  expect(taken[0]?.extend()).toBe(true)
  clock.advance(999)
  join(server, client)
  await until(() => there.isConnected)
  await rest()
  clock.advance(999)
  await rest()
  expect([taken.length, taken[0]?.done(), warningsOf(setup)]).toEqual([1, true, []])
  await server.idle()
})

test('fault 25: what the old session of a client had is not settled by it any more once that has begun anew', async () => {
  const setup = await connected({ resumeTimeoutMs: 0 })
  const { server, client, cable } = setup
  const taken = taking(client)
  await rest()
  await server.put('a')
  await until(() => taken.length === 1)
  cable.hideFromServer()
  cable.cut()
  await until(() => client.log.length > 1)
  join(server, client)
  await until(() => client.log.length > 2)
  await until(() => taken.length === 2)
  expect([taken[0]?.done(), taken[1]?.attempt]).toEqual([false, 2])
  const idle = observe(() => server.idle())
  await rest()
  expect(idle()).toBe('waits')
  taken[1]?.done()
  await server.idle()
})
