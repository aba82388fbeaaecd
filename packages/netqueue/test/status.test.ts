import { expect, test } from 'vitest'

import { turn } from './support/handles.ts'
import { rest, until } from './support/nodes.ts'
import { FIRST_MS, Neighbours } from './support/places.ts'

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
const steps = { 'a microtask': () => Promise.resolve(), 'a tick': tick, 'a turn of the event loop': turn }

test.each(Object.entries(steps))(
  'a status that changes during the introductions arrives, step by step of %s',
  async (_, step) => {
    await using place = new Neighbours()
    const { server, client } = await place.both()
    for (let count = 0; count < 20; count += 1) {
      place.road.cut()
      await until(() => server.clients.length === 0)
      place.clock.advance(FIRST_MS + count * 10_000)
      for (let taken = 0; taken < count; taken += 1) await step()
      client.setStatus(`client ${count}`)
      server.setStatus(`server ${count}`)
      await place.later(10_000)
      await rest()
      expect([server.clients[0]?.status, client.serverStatus]).toEqual([`client ${count}`, `server ${count}`])
    }
  },
)
