import { afterEach, describe, expect, test } from 'vitest'

import type { ServerClient } from '../src/index.ts'
import { Cable } from './support/cable.ts'
import { observe, rest, until } from './support/nodes.ts'
import { ReturningClient } from './support/returning-client.ts'
import { connected, dispose, join } from './support/resuming.ts'
import type { Setup } from './support/resuming.ts'
import { never, Work } from './support/talking.ts'

afterEach(dispose)

/** What is waited for is at most 1/64 late. */
const RESUME_MS = 60_000
const TOO_LATE_MS = RESUME_MS + RESUME_MS / 64

/** The client's connection is gone. */
async function away(setup: Setup): Promise<void> {
  setup.cable.cut()
  await until(() => setup.there.isAway)
  await rest()
}

async function back(setup: Setup): Promise<void> {
  setup.cable = join(setup.server, setup.client)
  await until(() => setup.there.isConnected)
  await rest()
}

async function tooLate({ clock }: Setup): Promise<void> {
  clock.advance(TOO_LATE_MS)
  await rest()
}

/** One more client of the same server. */
async function another({ server, clock }: Setup, id = 'other'): Promise<ReturningClient> {
  const client = new ReturningClient(clock, id)
  join(server, client)
  await until(() => client.log.length > 0)
  await rest()
  return client
}

describe('a client that is away', () => {
  test('is told by suspend and resume, stays the same for its server, and keeps what was kept with it', async () => {
    const setup = await connected()
    const { server, there, events } = setup
    there.data = 'mine'
    expect([there.isConnected, there.isAway]).toEqual([true, false])
    await away(setup)
    expect([there.isConnected, there.isAway, server.clients]).toEqual([false, true, [there]])
    const cable = new Cable()
    const accepted = server.accept(cable.there)
    setup.client.connect(cable.here)
    expect(await accepted).toBe(there)
    await rest()
    expect([there.isConnected, there.isAway, there.data]).toEqual([true, false, 'mine'])
    expect(events).toEqual(['connect', 'suspend CONNECTION_LOST', 'resume'])
    expect(setup.client.log).toEqual(['opened', 'suspended', 'resumed'])
  })

  test('gets neither items nor requests for whoever is free; what it has stays its own', async () => {
    const setup = await connected()
    const { server, client, there } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    await away(setup)
    const other = await another(setup)
    const worked: string[] = []
    void other.reader.process((item) => void worked.push(item)).catch(() => {})
    other.talk.handle('any:ask', () => 'other')
    client.talk.handle('any:ask', () => 'away')
    for (const item of ['a', 'b', 'c', 'd']) await server.put(item)
    expect(await Promise.all([1, 2, 3].map((n) => server.request('any:ask', n)))).toEqual(['other', 'other', 'other'])
    await rest()
    expect([worked, there.inFlight]).toEqual([['a', 'b', 'c', 'd'], 1])
    await other.gone()
  })

  test('is offered items and requests again when it is back, without anything else having to happen', async () => {
    const setup = await connected()
    const { server, client } = setup
    const worked: string[] = []
    void client.reader.process((item) => void worked.push(item)).catch(() => {})
    client.talk.handle('any:ask', () => 'back')
    await rest()
    await away(setup)
    const put = observe(() => server.put('item'))
    const asked = observe(() => server.request('any:ask', 1))
    await rest()
    expect([put(), asked()]).toEqual(['waits', 'waits'])
    await back(setup)
    expect([put(), asked(), worked]).toEqual(['resolves', 'resolves back', ['item']])
  })

  test('is waited for: what is to go to it, and to all, arrives when it is back', async () => {
    const setup = await connected()
    const { server, client, there } = setup
    const [worked, heard]: [string[], unknown[]] = [[], []]
    void client.reader.process((item) => void worked.push(item)).catch(() => {})
    client.talk.handle('any:ask', (payload: unknown) => payload)
    client.talk.on('news:flash', ({ payload }) => heard.push(payload))
    await rest()
    await away(setup)
    const calls = [
      observe(() => server.put('to it', { to: there })),
      observe(() => server.put('to all', { to: 'all' })),
      observe(() => server.request('any:ask', 'asked', { to: there })),
    ]
    await server.send('news:flash', 'sent', { to: there })
    expect(await server.broadcast('news:flash', 'to all')).toEqual({ sent: 1, missed: [] })
    server.setStatus('changed')
    await rest()
    expect(calls.map((call) => call())).toEqual(['waits', 'waits', 'waits'])
    await back(setup)
    expect(calls.map((call) => call())).toEqual(['resolves', 'resolves', 'resolves asked'])
    expect([worked, heard]).toEqual([
      ['to it', 'to all'],
      ['sent', 'to all'],
    ])
  })

  test('P8: what it is owed is bounded, as for one that is slow', async () => {
    const setup = await connected({ limits: { maxUnsentMessages: 2 } })
    const { server, clock, there } = setup
    await away(setup)
    expect(await server.broadcast('news:flash', '1')).toEqual({ sent: 1, missed: [] })
    expect(await server.broadcast('news:flash', '2')).toEqual({ sent: 1, missed: [] })
    const third = server.broadcast('news:flash', '3')
    await rest()
    clock.advance(1_000)
    expect(await third).toEqual({ sent: 0, missed: [there] })
  })

  test('goes on being worked for: what it put and asked is settled and answered meanwhile', async () => {
    const setup = await connected()
    const { server, client } = setup
    const work = new Work()
    server.handle('any:ask', work.handler)
    const taken = server.receive()
    await rest()
    await client.put('from the client')
    const asked = client.exchange.request('any:ask', 1)
    const delivery = await taken
    await rest()
    await away(setup)
    delivery.done()
    work.endAll('answered')
    await rest()
    expect(client.settled).toEqual([])
    await back(setup)
    expect([await asked, client.settled]).toEqual(['answered', ['from the client done']])
  })

  test('may be chosen by a policy, and the item then waits for it', async () => {
    const setup = await connected({ chooseDispatch: (_free, { clients }) => clients[0] })
    const { server, client } = setup
    const other = await another(setup)
    const worked: string[] = []
    for (const each of [client, other])
      void each.reader.process((item) => void worked.push(`${item} ${each.id}`)).catch(() => {})
    await rest()
    await away(setup)
    const put = observe(() => server.put('item'))
    await rest()
    expect(put()).toBe('waits')
    await back(setup)
    expect([put(), worked]).toEqual(['resolves', ['item back']])
    await other.gone()
  })

  test('does not spoil what is known of the way to it: a ping that was under way tells nothing', async () => {
    const setup = await connected()
    const { clock, server, there } = setup
    await away(setup)
    const cable = new Cable()
    cable.hideFromServer()
    server.on('resume', () => cable.limit('up', 0))
    join(server, setup.client, cable)
    await until(() => setup.client.log.length > 2)
    await rest()
    clock.advance(30_000)
    join(server, setup.client)
    await until(() => setup.events.filter((event) => event === 'resume').length === 2)
    await rest()
    expect(there.rtt ?? 0).toBeLessThan(1_000)
  })
})

describe('a client that does not come back within resumeTimeoutMs', () => {
  test('P2: is gone: its items go to another, attempt + 1, and calls for it alone reject', async () => {
    const setup = await connected()
    const { server, client, there, events } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    await away(setup)
    const calls = [
      observe(() => server.put('to it', { to: there })),
      observe(() => server.request('any:ask', 1, { to: there, timeout: 600_000 })),
    ]
    setup.clock.advance(RESUME_MS - 1)
    await rest()
    expect([there.isAway, server.backlog]).toEqual([true, 1])
    await tooLate(setup)
    expect([there.isConnected, there.isAway, server.clients]).toEqual([false, false, []])
    expect(calls.map((call) => call())).toEqual(['rejects CLIENT_GONE', 'rejects CONNECTION_LOST'])
    expect(events).toEqual(['connect', 'suspend CONNECTION_LOST', 'disconnect CONNECTION_LOST 1'])
    const other = await another(setup)
    const worked: string[] = []
    void other.reader.process((item, { attempt }) => void worked.push(`${item} ${attempt}`)).catch(() => {})
    await rest()
    expect(worked).toEqual(['in hand 2'])
    await other.gone()
  })

  test('begins anew when it comes later: its session is over, and its id is its own', async () => {
    const setup = await connected()
    const { server, client } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    await away(setup)
    await tooLate(setup)
    join(server, client)
    await until(() => client.log.length > 3)
    expect(client.log).toEqual(['opened', 'suspended', 'closed CONNECTION_LOST', 'opened'])
    expect(setup.events.slice(-1)).toEqual(['connect'])
    expect(server.clients[0]).not.toBe(setup.there)
  })

  test('leaves no timer: neither does one that is back, nor one that was sent away', async () => {
    const setup = await connected()
    const { clock, there } = setup
    await away(setup)
    await back(setup)
    await tooLate(setup)
    expect(there.isConnected).toBe(true)
    await away(setup)
    await there.close()
    expect([there.isAway, setup.events.at(-1)]).toEqual([false, 'disconnect CONNECTION_LOST 0'])
    clock.advance(TOO_LATE_MS)
    await rest()
    expect(setup.events.filter((event) => event.startsWith('disconnect'))).toHaveLength(1)
  })
})

describe('the end of a session that could go on', () => {
  test('a goodbye is one: nobody waits for whoever says it', async () => {
    const setup = await connected()
    await setup.client.end()
    await rest()
    expect(setup.events).toEqual(['connect', 'disconnect goodbye 0'])
  })

  test('whoever was leaving is not waited for either', async () => {
    const setup = await connected()
    setup.client.leave()
    await rest()
    setup.cable.cut()
    await rest()
    expect(setup.events).toEqual(['connect', 'disconnect CONNECTION_LOST 0'])
  })

  test('ServerClient.close() is one, be it away or not', async () => {
    const setup = await connected()
    const { server, client, there } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    await away(setup)
    await there.close()
    expect([server.backlog, setup.events.at(-1)]).toEqual([1, 'disconnect CONNECTION_LOST 1'])
    const other = await connected()
    await other.there.close()
    expect(other.events).toEqual(['connect', 'disconnect goodbye 0'])
  })

  test('and so is a loss behind it: whoever was sent away is not waited for', async () => {
    const setup = await connected()
    setup.cable.limit('up', 0)
    const closed = setup.there.close()
    await rest()
    setup.cable.cut()
    await closed
    expect(setup.events).toEqual(['connect', 'disconnect CONNECTION_LOST 0'])
  })

  test('P12: close() of the server is one: it waits for nobody who is away, and names what they had', async () => {
    const setup = await connected()
    const { server, client } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    await away(setup)
    expect(await server.close({ timeout: 60_000 })).toEqual({ undone: ['in hand'] })
    expect(setup.events.slice(-1)).toEqual(['disconnect CONNECTION_LOST 1'])
  })

  test('P12: and so is a loss while the server drains', async () => {
    const setup = await connected()
    const { server, client } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    const closed = server.close({ timeout: 60_000 })
    await rest()
    setup.cable.cut()
    expect(await closed).toEqual({ undone: ['in hand'] })
    expect(setup.events).toEqual(['connect', 'disconnect CONNECTION_LOST 1'])
  })
})

describe('P7: who counts', () => {
  test('maxConnections counts clients that are away, and whoever is away comes back all the same', async () => {
    const setup = await connected({ limits: { maxConnections: 2 } })
    const { server, client } = setup
    const other = await another(setup)
    await away(setup)
    const late = new ReturningClient(setup.clock, 'late')
    const cable = new Cable()
    const refused = observe(() => server.accept(cable.there))
    late.connect(cable.here)
    await until(() => late.log.length > 0)
    expect([refused(), late.log]).toEqual(['rejects TOO_MANY_CONNECTIONS', ['declined CONNECTION_LOST']])
    await back(setup)
    expect(client.log.at(-1)).toBe('resumed')
    await other.gone()
  })
})

/** All the clients of a server by their ids. */
const idsOf = (clients: readonly ServerClient[]): string[] => clients.map(({ id }) => id)

describe('fault 25: a client id', () => {
  test('is taken while its client is away, and free again afterwards', async () => {
    const setup = await connected()
    const { server, clock } = setup
    await away(setup)
    const thief = new ReturningClient(clock, 'back')
    join(server, thief)
    await until(() => thief.log.length > 0)
    expect(thief.log).toEqual(['declined ID_IN_USE'])
    await tooLate(setup)
    join(server, thief)
    await until(() => thief.log.length > 1)
    expect([thief.log.at(-1), idsOf(server.clients)]).toEqual(['opened', ['back']])
    await thief.gone()
  })

  test('without resumeTimeoutMs goes to whoever proves it, and the connection that still looked alive is over', async () => {
    const setup = await connected({ resumeTimeoutMs: 0 })
    const { server, client } = setup
    void client.reader.process(never).catch(() => {})
    await server.put('in hand')
    await rest()
    setup.cable.hideFromServer()
    setup.cable.cut()
    await until(() => client.log.length > 1)
    expect([client.log, setup.there.isConnected]).toEqual([['opened', 'closed CONNECTION_LOST'], true])
    join(server, client)
    await until(() => client.log.length > 2)
    await rest()
    expect(client.log.at(-1)).toBe('opened')
    expect(setup.events).toEqual(['connect', 'disconnect CONNECTION_LOST 1', 'connect'])
    expect([server.clients.length, server.backlog]).toEqual([1, 0])
  })

  test.each(['up', 'down'] as const)(
    'without resumeTimeoutMs survives a cut at every seventh byte on its way %s',
    async (way) => {
      for (let at = 0, isCut = true; isCut; at += 7) {
        const setup = await connected({ resumeTimeoutMs: 0 })
        const { server, client } = setup
        const cables = [new Cable({ [way]: at }), new Cable()]
        for (const cable of cables) cable.hideFromServer()
        client.lost = () => {
          const cable = cables.shift()
          if (cable !== undefined) queueMicrotask(() => join(server, client, cable))
        }
        setup.cable.hideFromServer()
        setup.cable.cut()
        await rest()
        await until(() => client.log.at(-1) === 'opened')
        await rest()
        expect(client.log.filter((line) => line.includes('ID_IN_USE'))).toEqual([])
        expect(server.clients).toHaveLength(1)
        isCut = cables.length === 0
        await dispose()
      }
    },
  )
})
