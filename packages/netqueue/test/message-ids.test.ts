import { describe, expect, test } from 'vitest'

import { connect, defineMessages, json, memoryPair, type } from '../src/index.ts'
import type { ByteDuplex, Bytes, MessageIds, Messages, NetQueueError, ServerClient } from '../src/index.ts'
import { Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { FRAME } from './support/raw-peer.ts'

const any = type<unknown>()
const ask = { payload: any, reply: any }
const say = { payload: any }

/** Both sides by the same names, each with ids of its own. */
const ids = (first: number, second: number): Messages =>
  defineMessages({ 'app:ask': { ...ask, id: first }, 'app:say': { ...say, id: second } })

/** Notes the frames that a client sends. */
function tapped(duplex: ByteDuplex): { duplex: ByteDuplex; batches: Buffer[] } {
  const batches: Buffer[] = []
  async function* listen(source: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
    for await (const chunk of source) {
      const bytes = Buffer.from(chunk.slice())
      for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at))
        if (bytes.readUInt16BE(at + 4) === FRAME.BATCH)
          batches.push(bytes.subarray(at + 6, at + 4 + bytes.readUInt32BE(at)))
      yield chunk
    }
  }
  const sink: ByteDuplex['sink'] = (source) => duplex.sink(listen(source as AsyncIterable<Bytes>))
  return { duplex: { source: duplex.source, sink, abort: (reason) => duplex.abort?.(reason) }, batches }
}

/** The ids by which each side calls its messages on the wire, once both have understood each other. */
async function spoken(server: Side, client: Side): Promise<{ up: number; down: number }> {
  await using place = new Place()
  const node = await place.listen({ messages: server.messages, messageIds: server.messageIds })
  const [here, there] = memoryPair()
  const [up, down] = [tapped(here), tapped(there)]
  const accepted = node.accept(down.duplex)
  const other = await connect(up.duplex, { env: place.clock, messages: client.messages, messageIds: client.messageIds })
  const to = await accepted
  node.handle('app:ask', (payload) => `server got ${payload as string}`)
  other.handle('app:ask', (payload) => `client got ${payload as string}`)
  const [heardUp, heardDown] = [node.messages('app:say').next(), other.messages('app:say').next()]
  expect(await other.request('app:ask', 'x')).toBe('server got x')
  expect(await node.request('app:ask', 'y', { to })).toBe('client got y')
  up.batches.length = 0
  down.batches.length = 0
  await other.send('app:say', 'up')
  await node.send('app:say', 'down', { to })
  expect([(await heardUp).value?.payload, (await heardDown).value?.payload]).toEqual(['up', 'down'])
  await other.close()
  return { up: messageId(up.batches), down: messageId(down.batches) }
}

/** Of the MESSAGE that stands first in a batch: ids below 128 have one byte. */
function messageId(batches: Buffer[]): number {
  const batch = batches.find(([kind]) => kind === 22)
  return batch?.[1] ?? -1
}

interface Side {
  messages: Messages
  messageIds: MessageIds
}

describe('ids of messages that both sides have', () => {
  const [low, high] = [ids(16, 17), ids(90, 91)]

  test.each<[server: MessageIds, client: MessageIds, up: number, down: number]>([
    ['enforce', 'adapt', 17, 17],
    ['adapt', 'enforce', 91, 91],
    ['adapt', 'adapt', 91, 17],
  ])('the server has %s, the client %s: the client says %i, the server %i', async (server, client, up, down) => {
    const outcome = await spoken({ messages: low, messageIds: server }, { messages: high, messageIds: client })
    expect(outcome).toEqual({ up, down })
  })

  test('that are exchanged, one for the other, are taken over all the same', async () => {
    for (const [server, client] of [
      ['enforce', 'adapt'],
      ['adapt', 'enforce'],
      ['adapt', 'adapt'],
    ] as const)
      expect(
        await spoken({ messages: ids(17, 18), messageIds: server }, { messages: ids(18, 17), messageIds: client }),
      ).toEqual({ up: server === 'enforce' ? 18 : 17, down: client === 'enforce' ? 17 : 18 })
  })

  test('that are equal may be insisted on by both', async () => {
    const enforced: Side = { messages: low, messageIds: 'enforce' }
    expect(await spoken(enforced, enforced)).toEqual({ up: 17, down: 17 })
  })

  test('do not depend on the order of definition where they are chosen by hand', async () => {
    const other = defineMessages({ 'app:say': { ...say, id: 17 }, 'app:ask': { ...ask, id: 16 } })
    const client: Side = { messages: other, messageIds: 'enforce' }
    expect(await spoken({ messages: low, messageIds: 'enforce' }, client)).toEqual({ up: 17, down: 17 })
  })

  test('are those of each client: one server speaks to clients of different ages', async () => {
    await using place = new Place()
    const server = await place.listen({ messages: low })
    const clients = await Promise.all(
      [low, high, ids(17, 16), ids(65_535, 128)].map((messages) => place.connect({ messages })),
    )
    const heard = clients.map((client) => client.messages('app:say').next())
    server.handle('app:ask', (n) => (n as number) + 1)
    expect(await Promise.all(clients.map((client, n) => client.request('app:ask', n)))).toEqual([1, 2, 3, 4])
    expect(await server.broadcast('app:say', 'all')).toEqual({ sent: 4, missed: [] })
    expect((await Promise.all(heard)).map(({ value }) => value?.payload)).toEqual(['all', 'all', 'all', 'all'])
  })
})

describe('P11: messages that differ are refused at both ends, with all differences', () => {
  async function refused(server: Side, client: Side): Promise<{ here: NetQueueError; there: NetQueueError[] }> {
    await using place = new Place()
    const node = await place.listen(server)
    const there: NetQueueError[] = []
    node.on('warning', ({ error }) => there.push(error))
    const here = await failureOf(place.connect(client))
    await until(() => there.length > 0)
    expect(node.clients).toEqual([])
    // The server lives on: whoever has the same messages is let in.
    await place.connect(server)
    return { here: here as NetQueueError, there }
  }

  test('ids, where both enforce theirs', async () => {
    const { here, there } = await refused(
      { messages: ids(16, 17), messageIds: 'enforce' },
      { messages: ids(90, 17), messageIds: 'enforce' },
    )
    expect(here).toMatchObject({
      code: 'MESSAGES_MISMATCH',
      limit: 'messages',
      value: ['"app:ask" has the id 90 here, 16 there'],
    })
    expect(there).toMatchObject([{ code: 'MESSAGES_MISMATCH', value: ['"app:ask" has the id 16 here, 90 there'] }])
    expect(here.message).toContain('"app:ask" has the id 90 here, 16 there')
  })

  test.each<MessageIds>(['adapt', 'enforce'])('kind and codec, whatever becomes of the ids: %s', async (messageIds) => {
    const server = defineMessages({ a: ask, b: say, c: { ...say, codec: json() }, d: ask })
    const client = defineMessages({ a: say, b: ask, c: say, d: { ...ask, codec: json() } })
    const { here, there } = await refused({ messages: server, messageIds }, { messages: client, messageIds })
    expect(here.value).toEqual([
      '"a" has no reply here, one there',
      '"b" has a reply here, none there',
      '"c" has the codec "msgpack" here, "json" there',
      '"d" has the codec "json" here, "msgpack" there',
    ])
    expect(there[0]?.value).toHaveLength(4)
  })

  test('a message that only one side has is no difference', async () => {
    await using place = new Place()
    const common = defineMessages({ 'app:ask': ask })
    const server = await place.listen({ messages: common.extend({ 'only:server': say }), messageIds: 'enforce' })
    const client = await place.connect({ messages: common.extend({ 'only:client': say }), messageIds: 'enforce' })
    const bare = await place.connect({ messageIds: 'enforce' })
    server.handle('app:ask', () => 'understood')
    expect(await client.request('app:ask', 1)).toBe('understood')
    const unsupported = { code: 'UNSUPPORTED', delivered: 'no' }
    expect(await failureOf(client.send('only:client', 1))).toMatchObject(unsupported)
    expect(await failureOf(server.send('only:server', 1, { to: server.clients[0] as ServerClient }))).toMatchObject(
      unsupported,
    )
    expect(bare.state).toBe('connected')
  })

  test('names differ by case, and by how a letter is composed', async () => {
    await using place = new Place()
    const server = await place.listen({ messages: defineMessages({ Ask: ask, 'caf\u00e9': ask }) })
    const client = await place.connect({ messages: defineMessages({ ask, 'cafe\u0301': ask }) })
    expect(await failureOf(client.request('ask', 1))).toMatchObject({ code: 'UNSUPPORTED' })
    expect(await failureOf(client.request('cafe\u0301', 1))).toMatchObject({ code: 'UNSUPPORTED' })
    expect(server.clients).toHaveLength(1)
  })
})

describe('messages that are extended and reduced', () => {
  const base = defineMessages({ 'app:ask': ask, 'app:say': say })

  test('keep their ids, so that sides of different ages understand each other though both enforce theirs', async () => {
    const newer = base.extend({ 'app:more': ask })
    const reduced = newer.omit('app:ask')
    expect([...newer].map(({ name, id }) => [name, id])).toEqual([
      ['app:ask', 16],
      ['app:say', 17],
      ['app:more', 18],
    ])
    expect([...reduced].map(({ name, id }) => [name, id])).toEqual([
      ['app:say', 17],
      ['app:more', 18],
    ])
    await using place = new Place()
    const server = await place.listen({ messages: newer, messageIds: 'enforce' })
    const [old, small] = [
      await place.connect({ messages: base, messageIds: 'enforce' }),
      await place.connect({ messages: reduced, messageIds: 'enforce' }),
    ]
    server.handle('app:ask', () => 'ask')
    server.handle('app:more', () => 'more')
    expect([await old.request('app:ask', 1), await small.request('app:more', 1)]).toEqual(['ask', 'more'])
    const heard = [old, small].map((client) => client.messages('app:say').next())
    expect(await server.broadcast('app:say', 1)).toEqual({ sent: 2, missed: [] })
    await Promise.all(heard)
  })

  test('are looked up by name, by id and by definition, and every way leads to the same entry', () => {
    const entry = base.get('app:ask')
    expect([base.get(entry.id), base.get(entry.definition), base.size]).toEqual([entry, entry, 2])
    expect([base.get('no:such'), base.get(15), base.get({ payload: any })]).toEqual([undefined, undefined, undefined])
  })

  test('of the usual size fit into the introduction; more ask for maxHelloBytes, on both sides', async () => {
    await using place = new Place()
    const many = (count: number): Messages =>
      defineMessages(
        Object.fromEntries(Array.from({ length: count }, (_, n) => [`app:message-${`${n}`.padStart(12, '0')}`, ask])),
      )
    const server = await place.listen({ messages: many(200) })
    const client = await place.connect({ messages: many(200) })
    server.handle('app:message-000000000199', () => 'the last')
    expect(await client.request('app:message-000000000199', 1)).toBe('the last')
    expect(await failureOf(place.connect({ messages: many(300) }))).toMatchObject({ code: 'ENCODE_FAILED' })
    await server.close()
    const limits = { maxHelloBytes: 65_536 }
    const roomy = await place.listen({ messages: many(1_024), limits })
    roomy.handle('app:message-000000001023', () => 'the very last')
    const ample = await place.connect({ messages: many(1_024), limits })
    expect(await ample.request('app:message-000000001023', 1)).toBe('the very last')
    await rest()
  })
})
