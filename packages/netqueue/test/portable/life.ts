import { check, codeOf, equal, first, range } from './checks.ts'
import type { PortableCases } from './suite.ts'

export const lifeCases: PortableCases = {
  'a client tells its id, tags and status': async ({ connect }) => {
    const id = `client-${globalThis.crypto.randomUUID()}`
    const client = await connect({ id, tags: ['portable'], status: { load: 0.5 } })
    equal(await client.request('me:who', null), { id, tags: ['portable'], status: { load: 0.5 } })
    client.setStatus('busy')
    while ((await client.request('me:who', null)).status !== 'busy');
  },

  'clients without an id get different ones': async ({ connect }) => {
    const ids = [await connect(), await connect(), await connect()].map(({ id }) => id)
    equal(new Set(ids).size, 3)
  },

  'an id that is taken is refused': async ({ connect }) => {
    const { id } = await connect()
    equal(await codeOf(connect({ id })), 'ID_IN_USE')
  },

  'a client whose connection is cut comes back, and its calls wait for it': async ({ connect }) => {
    const client = await connect()
    const { id } = client
    const states = client.states()
    equal((await states.next()).value?.state, 'connected')
    await client.send('me:lose', null)
    equal((await states.next()).value?.state, 'reconnecting')
    equal(await client.request('any:echo', 'back'), 'back')
    equal((await states.next()).value?.state, 'connected')
    equal(client.id, id)
  },

  'what was put while there was no connection arrives': async ({ connect }) => {
    const client = await connect()
    const states = client.states()
    await client.send('me:lose', null)
    for await (const { state } of states) if (state === 'reconnecting') break
    for (const n of range(50)) await client.put(n)
    equal(new Set(await client.request('items:taken', 50)).size, 50)
  },

  'a worker works on after its connection was cut': async ({ connect }) => {
    const client = await connect()
    let times = 0
    const worker = client.process(async (n) => {
      times += 1
      if (times === 5) await client.send('me:lose', null)
      return n
    })
    await client.request('items:ask', range(20)).catch((error: unknown) => error)
    await worked(client, () => times >= 5)
    equal(await client.request('items:ask', ['after']), [{ value: 'after' }])
    await client.close()
    await worker
  },

  'close() ends loops, and closed tells that nothing is undone': async ({ connect }) => {
    const client = await connect()
    const loop = first(1, client)
    const states = client.states()
    await client.put('last')
    await client.close()
    equal(await loop, [])
    equal(await client.closed, { undone: [] })
    equal(client.state, 'closed')
    for await (const { state } of states) check(state !== 'failed', 'no failure')
    equal(await codeOf(client.put('late')), 'CLOSED')
  },

  'ticks come, and tell what was missed': async ({ connect }) => {
    const client = await connect()
    const ticks = await first(3, client.ticks(200))
    equal(ticks.length, 3)
  },
}

async function worked(
  client: { request(name: 'any:echo', payload: null): Promise<unknown> },
  isSo: () => boolean,
): Promise<void> {
  while (!isSo()) await client.request('any:echo', null)
}
