import { describe, expect, test } from 'vitest'

import { connect, defineMessages, json, listen, memory, msgpack, text, type } from '../src/index.ts'
import type { Codec } from '../src/index.ts'
import type { LoggerOptions } from '../src/options/logger.ts'
import { missionCommander, netQueue, packetmq, packetstream, simpleServer } from '../src/protocol/index.ts'
import type { Protocol } from '../src/protocol/index.ts'
import { Place } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

interface Case {
  create: () => Protocol
  codec: Codec<string>
}

const cases: readonly (readonly [string, Case])[] = [
  ['packetstream', { create: () => packetstream(), codec: text() }],
  ['packetmq', { create: () => packetmq(), codec: msgpack<string>() }],
  ['mission-commander', { create: () => missionCommander(), codec: json<string>() }],
  ['simple-server', { create: () => simpleServer(), codec: text() }],
]

type Line = Record<string, unknown> & { what: string }

function recording(): { lines: Line[]; options: LoggerOptions } {
  const lines: Line[] = []
  const quiet = (): void => {}
  const trace = (fields: object, what: string): void => void lines.push({ ...fields, what })
  return { lines, options: { logger: { debug: quiet, info: quiet, warn: quiet, trace }, trace: true } }
}

const kinds = (lines: Line[]): string[] => lines.map(({ what }) => what)

describe.each(cases)('what all protocols share, with %s:', (name, { create, codec }) => {
  const messages = defineMessages({ message: { payload: type<string>(), codec } })

  // SimpleServer's messages share nothing: they leave one by one, with a time between them.
  test.skipIf(name === 'simple-server')(
    'frames wait for flushDelayMs and arrive, goodbyes come through, and no timer is left',
    async () => {
      await using place = new Place()
      const shared = { messages, protocol: create(), flushDelayMs: 40 }
      const server = await place.pass(place.listen(shared))
      const client = await place.pass(place.connect(shared))
      const heard: string[] = []
      server.on('message', ({ payload, from }) => {
        heard.push(payload)
        void server.send('message', 'back', { to: from })
      })
      client.on('message', ({ payload }) => heard.push(payload))
      await place.clock.rest()
      const answered = new Promise((resolve) => client.on('message', () => resolve(undefined)))
      const begun = place.clock.now()
      void client.send('message', 'there')
      await place.clock.rest()
      expect([name, heard]).toEqual([name, []])
      await place.pass(answered)
      expect(heard).toEqual(['there', 'back'])
      expect(place.clock.now() - begun).toBeGreaterThanOrEqual(80)
      await place.pass(client.close())
      await place.pass(server.close())
    },
  )

  test('a trace tells of its frames and messages, and not what they say', async () => {
    await using place = new Place()
    const here = recording()
    const there = recording()
    const server = await place.pass(place.listen({ messages, protocol: create(), ...there.options }))
    const client = await place.pass(place.connect({ messages, protocol: create(), ...here.options }))
    const heard = new Promise((resolve) => server.on('message', () => resolve(undefined)))
    void client.send('message', 'a secret')
    await place.pass(heard)
    await place.pass(client.close())
    await place.pass(server.close())
    expect(kinds(here.lines)).toEqual(expect.arrayContaining(['sent message', 'sent frame']))
    expect(kinds(there.lines)).toEqual(expect.arrayContaining(['received frame', 'received message']))
    expect(JSON.stringify([here.lines, there.lines])).not.toContain('secret')
  })

  test.each(['above', 'below'])(
    'a relay that speaks it %s, and netqueue/1 on its other side, passes messages on',
    async (side) => {
      await using tree = new Tree()
      const protocol = create()
      const [above, below] = side === 'above' ? [{ protocol }, {}] : [{}, { protocol }]
      const root = await tree.root({ messages, ...above })
      await tree.relay('relay', 'root', { messages, client: above, server: below })
      const leaf = await tree.leaf('leaf', 'relay', { messages, ...below })
      const heard = [root.messages('message'), leaf.messages('message')].map((some) => some.next())
      await tree.clock.pass(leaf.send('message', 'up'))
      await tree.wait(50)
      await tree.clock.pass(root.broadcast('message', 'down'))
      const arrived = await tree.clock.pass(Promise.all(heard))
      expect(arrived.map(({ value }) => value?.payload)).toEqual(['up', 'down'])
    },
  )
})

test('a label of a packetstream request stands in the trace of whoever asks, and does not travel', async () => {
  await using place = new Place()
  const messages = defineMessages({ echo: { payload: type<string>(), reply: type<string>(), codec: text() } })
  const here = recording()
  const there = recording()
  const server = await place.listen({ messages, protocol: packetstream(), ...there.options })
  const client = await place.connect({ messages, protocol: packetstream(), ...here.options })
  server.handle('echo', (payload) => payload)
  expect(await place.pass(client.request('echo', 'x', { label: 'the first' }))).toBe('x')
  expect(here.lines.filter(({ label }) => label === 'the first').map(({ what }) => what)).toEqual([
    'sent request',
    'received response',
  ])
  expect(JSON.stringify(there.lines)).not.toContain('the first')
  await place.pass(client.close())
})

test('one server at several addresses speaks its protocol at each of them', async () => {
  await using place = new Place()
  const transports = [memory()]
  const shared = { transports, protocol: netQueue(), env: place.clock }
  const server = await listen<string, string>(['memory:one', 'memory:two'], { transports, env: place.clock })
  const clients = await Promise.all(server.addresses.map((address) => connect<string, string>(address, shared)))
  const items = clients.map((client) => client.get())
  await place.pass(server.put('to all', { to: 'all' }))
  expect(await place.pass(Promise.all(items))).toEqual(['to all', 'to all'])
  await place.pass(Promise.all(clients.map((client) => client.close())))
  await place.pass(server.close())
})
