import { describe, expect, test } from 'vitest'

import { connect, defineMessages, listen, relay, text, type } from '../src/index.ts'
import type { Relay, Server } from '../src/index.ts'
import { pathBytes } from '../src/message/route.ts'
import { rest } from './support/nodes.ts'
import { frame, FRAME, hello, introduce, RawPeer, welcome } from './support/raw-peer.ts'
import { bytes, field, varint } from './support/records.ts'

const [ITEMS, ANCESTRY, NODES, NAMES, LONGEST, REQUEST, MESSAGE] = [1, 15, 16, 17, 18, 20, 22]
const any = type<unknown>()
const messages = defineMessages({ ask: { payload: any, reply: any } }) as never

const path = (...ids: string[]): Uint8Array => bytes(varint(ids.length), ...ids.map(field))
const list = (kind: number, entries: Uint8Array[]): Uint8Array => bytes(kind, varint(entries.length), ...entries)
const there = (ids: string[], about = '{}'): Uint8Array => bytes(1, path(...ids), field(about))
const gone = (...ids: string[]): Uint8Array => bytes(0, path(...ids))
const known = (name: string): Uint8Array => bytes(1, field(name))
const batch = (...records: Uint8Array[]): string => frame(FRAME.BATCH, bytes(...records))
const times = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index))

/** What a peer is told in the end. */
async function ending(peer: RawPeer): Promise<string> {
  const last = (await peer.untilEnd()).find(({ type: kind }) => kind === FRAME.ERROR)
  peer.cut()
  return last === undefined ? 'none' : (JSON.parse(last.data.toString()) as { code: string }).code
}

const common = { item: text(), result: text() } as const

async function server(): Promise<Server<string, string>> {
  return listen<string, string>(undefined, { ...common, messages })
}

/** A client that says it is a relay, or one that does not. */
async function childOf(parent: Server<string, string>, more = {}): Promise<RawPeer> {
  const { peer, duplex } = RawPeer.inMemory()
  parent.accept(duplex).catch(() => {})
  await introduce(peer, 'raw', more)
  return peer
}

/** A relay whose parent is played by hand. */
async function relayBelow(more = {}): Promise<{ node: Relay<string, string>; parent: RawPeer }> {
  const { peer: parent, duplex } = RawPeer.inMemory()
  const beginning = relay<string, string>({ ...common, id: 'node', parent: duplex })
  await parent.next()
  parent.send(frame(FRAME.CONN, hello('above')))
  await parent.next()
  parent.send(frame(FRAME.WELCOME, welcome('above', { session: 's', you: { id: 'node' }, relay: true, ...more })))
  return { node: await beginning, parent }
}

describe('P7: what a client tells of a tree', () => {
  const relays = { relay: true }
  const big = JSON.stringify({ tags: ['x'.repeat(8_000)] })

  test.each<[what: string, more: object, record: Uint8Array]>([
    ['nodes, and it is no relay', {}, list(NODES, [there(['a'])])],
    ['names, and it is no relay', {}, list(NAMES, [known('a')])],
    ['the longest items, and it is no relay', {}, bytes(LONGEST, 1, 1)],
    ['ancestors, as only servers do', relays, bytes(ANCESTRY, path('a'))],
    ['a node below one that is not there', relays, list(NODES, [there(['a', 'b'])])],
    ['a node below one that is gone', relays, list(NODES, [there(['a']), gone('a'), there(['a', 'b'])])],
    [
      '1,025 nodes',
      relays,
      list(
        NODES,
        times(1_025, (n) => there([`${n}`])),
      ),
    ],
    [
      '1,025 names',
      relays,
      list(
        NAMES,
        times(1_025, (n) => known(`${n}`)),
      ),
    ],
    ['a name by text in a request, and neither side is a relay', {}, bytes(REQUEST, 1, 0, 0, 0, field('ask'), 0, 0)],
    ['a request along a path', relays, bytes(REQUEST, 1, 0, 8, 16, path('a'), 0)],
    ['a message along a path', relays, bytes(MESSAGE, 16, 2, path('a'), 0)],
    ['a message with exceptions', relays, bytes(MESSAGE, 16, 4, 1, path('a'), 0)],
  ])('%s: BAD_MESSAGE', async (_, more, record) => {
    const parent = await server()
    const peer = await childOf(parent, { messages: { ask: [16, 1] }, ...more })
    peer.send(batch(record))
    expect(await ending(peer)).toBe('BAD_MESSAGE')
    await parent.close({ timeout: 0 })
  })

  test('more than 1 MiB of nodes, record by record: BAD_MESSAGE', async () => {
    const parent = await server()
    const peer = await childOf(parent, relays)
    for (let count = 0; count < 140; count += 1) peer.send(batch(list(NODES, [there([`${count}`], big)])))
    expect(await ending(peer)).toBe('BAD_MESSAGE')
    await parent.close({ timeout: 0 })
  })

  test('the same node over and over counts once, and nodes that come and go leave nothing', async () => {
    const parent = await server()
    const peer = await childOf(parent, relays)
    for (let count = 0; count < 200; count += 1)
      peer.send(
        batch(list(NODES, [there(['a'], big), there(['a', `${count}`], big), gone('a', `${count}`), gone('b')])),
      )
    peer.send(batch(bytes(12, varint(9))))
    await rest()
    await rest()
    const [client] = parent.clients
    expect(client?.nodes.map((node) => node.path)).toEqual([['raw', 'a']])
    peer.cut()
    await parent.close({ timeout: 0 })
  })

  test('a client that goes takes all that is below it along', async () => {
    const parent = await server()
    const peer = await childOf(parent, relays)
    peer.send(batch(list(NODES, [there(['a']), there(['a', 'b'])])))
    await rest()
    const nodes = parent.clients[0]?.nodes ?? []
    peer.cut()
    await rest()
    expect(nodes.map(({ isConnected }) => isConnected)).toEqual([false, false])
    await parent.close({ timeout: 0 })
  })
})

describe('P7: what a parent tells a relay', () => {
  test('its own id among the ancestors: LOOP, and the relay ends', async () => {
    const { node, parent } = await relayBelow()
    parent.send(batch(bytes(2, 0, 0, 0, 0), bytes(ANCESTRY, path('root', 'node'))))
    expect(await ending(parent)).toBe('LOOP')
    expect((await node.client.closed).error?.code).toBe('LOOP')
    await node.closed
  })

  test('256 ancestors with itself one too many: LOOP', async () => {
    const { node, parent } = await relayBelow()
    const ids = Array.from({ length: 256 }, (_, index) => `n${index}`)
    expect(pathBytes(ids)).toBeLessThan(16_384)
    parent.send(batch(bytes(ANCESTRY, path(...ids))))
    expect(await ending(parent)).toBe('LOOP')
    await node.closed
  })

  test('ids of ancestors that are too long with its parent: LOOP, which says how long they may be', async () => {
    const { node, parent } = await relayBelow()
    const ids = times(127, (index) => `${index}`.padStart(127, 'n')).concat('x'.repeat(121))
    expect(pathBytes(ids)).toBeLessThanOrEqual(16_384)
    parent.send(batch(bytes(ANCESTRY, path(...ids))))
    expect(await ending(parent)).toBe('LOOP')
    const bytesAbove = pathBytes([...ids, 'above'])
    const { error } = await node.client.closed
    expect(error).toMatchObject({ code: 'LOOP', limit: 'ancestors', value: bytesAbove })
    expect(error?.message).toContain(`ids of ${bytesAbove} bytes, of at most 16384`)
    await node.closed
  })

  test.each<[what: string, record: Uint8Array]>([
    ['nodes', list(NODES, [there(['a'])])],
    ['names', list(NAMES, [known('a')])],
  ])('%s, as only clients do: BAD_MESSAGE', async (_, record) => {
    const { node, parent } = await relayBelow()
    parent.send(batch(record))
    expect(await ending(parent)).toBe('BAD_MESSAGE')
    await node.close({ timeout: 0 })
  })

  test('20,000 changes of what is above cost one word to each child, not one each', async () => {
    const { node, parent } = await relayBelow()
    const { peer, duplex } = RawPeer.inMemory()
    node.server.accept(duplex).catch(() => {})
    await introduce(peer, 'child', { relay: true })
    const { byteLength } = peer.received
    for (let frames = 0; frames < 5; frames += 1)
      parent.send(batch(...times(4_000, (n) => bytes(ANCESTRY, path(n % 2 === 0 ? 'x' : 'y')))))
    await rest()
    await rest()
    expect(peer.received.byteLength - byteLength).toBeLessThan(2_000)
    peer.cut()
    parent.cut()
    await node.closed
  })
})

describe('P7: paths, where there are none', () => {
  test.each<[what: string, record: Uint8Array]>([
    ['an item', bytes(ITEMS, 4, 1, 1, path('a'), 0, 1, 0)],
    ['a request', bytes(REQUEST, 1, 0, 8, 16, path('a'), 0)],
    ['a message', bytes(MESSAGE, 16, 2, path('a'), 0)],
  ])('%s to a client that is no relay: BAD_MESSAGE', async (_, record) => {
    const { peer, duplex } = RawPeer.inMemory()
    const beginning = connect<string, string>(duplex, { ...common, messages })
    await peer.next()
    peer.send(frame(FRAME.CONN, hello('above')))
    await peer.next()
    peer.send(
      frame(
        FRAME.WELCOME,
        welcome('above', { session: 's', you: { id: 'x' }, relay: true, messages: { ask: [16, 1] } }),
      ),
    )
    const client = await beginning
    const reading = client.receive().catch(() => {})
    await rest()
    peer.send(batch(bytes(2, 0, 0, 0, 0), record))
    expect(await ending(peer)).toBe('BAD_MESSAGE')
    await reading
    await client.close({ timeout: 0 })
  })

  test('a path to nobody is answered, not an error of the connection', async () => {
    const { node, parent } = await relayBelow()
    await rest()
    parent.send(batch(bytes(2, 0, 0, 0, 0), bytes(REQUEST, 1, 0, 8, 0, field('any'), 0, path('nobody'), 0)))
    await rest()
    expect(parent.received.toString('latin1')).toContain('CLIENT_GONE')
    expect(node.client.state).toBe('connected')
    parent.cut()
    await node.closed
  })
})
