import { join } from 'node:path'

import { afterEach, describe, expect, test } from 'vitest'

import { connect, defineMessages, listen, type } from '../../src/index.ts'
import type { Client, ClientOptions, Messages, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import { packetmq } from '../../src/protocol/packetmq/packetmq.ts'
import { until } from '../support/nodes.ts'
import { failureOf } from '../support/outcome.ts'
import { hasPython, Python } from '../support/python.ts'

const SCRIPT = 'packetmq.py'
const VECTORS = join(import.meta.dirname, '../../../../docs/packetmq-vectors.json')

const packet = { payload: type<unknown>() }
const messages = defineMessages({
  'app:echo': { ...packet, id: 17 },
  'app:reply': { ...packet, id: 18 },
  'app:show': { ...packet, id: 19 },
})
const PACKETS = { 'app:echo': 17, 'app:reply': 18, 'app:show': 19 }

interface PythonOptions {
  packets?: Record<string, number>
  adapt?: boolean
  python2?: boolean
  /** What it sends when it hears a softquit. */
  last?: [name: string, value: unknown]
}

const started: Python[] = []
const open: { close(options: { timeout: number }): Promise<unknown> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
  await Promise.all(started.splice(0).map((python) => python.end()))
})

function python(mode: 'client' | 'server', port: string[], options: PythonOptions = {}): Python {
  const told = { packets: PACKETS, adapt: mode === 'client', ...options }
  const made = new Python(SCRIPT, mode, ...port, JSON.stringify(told))
  started.push(made)
  return made
}

type Talking = Messages<(typeof messages)['definitions']>

async function serve(
  options: ServerOptions<unknown, unknown, Talking> = {},
): Promise<Server<unknown, unknown, Talking>> {
  const server = await listen('tcp://127.0.0.1:0', { protocol: packetmq(), messages, ...options })
  open.push(server)
  return server
}

const clientOf = ({ address = '' }: Pick<Server, 'address'>, options?: PythonOptions): Python =>
  python('client', [address.slice('tcp://127.0.0.1:'.length)], options)

/** A server in Python, and its address. */
async function listening(options?: PythonOptions): Promise<{ there: Python; address: string }> {
  const there = python('server', [], options)
  const { port } = await there.next()
  return { there, address: `tcp://127.0.0.1:${String(port)}` }
}

async function atPython(
  options: PythonOptions = {},
  more: ClientOptions<unknown, unknown, Talking> = {},
): Promise<{ client: Client<unknown, unknown, Talking>; there: Python; address: string }> {
  const { there, address } = await listening(options)
  const client = await connect(address, { protocol: packetmq(), messages, reconnect: false, ...more })
  open.push(client)
  await there.hears('ACTIVE')
  return { client, there, address }
}

const VALUES = [1, -1, 70_000, 1.5, null, true, 'zwölf', '漢字😀', [], [[1], { a: { b: [null] } }], 'x'.repeat(70_000)]

describe.skipIf(!hasPython)('a packetmq peer in Python, written from the layout of its packets,', () => {
  test('reads and writes the vectors as they stand there', async () => {
    const vectors = new Python(SCRIPT, 'vectors', VECTORS)
    started.push(vectors)
    expect(await vectors.next()).toEqual({ count: 10, differing: [] })
  })

  describe.each([
    ['Python 3', false],
    ['Python 2', true],
  ])('with keys as in %s,', (_name, python2) => {
    test('as a client: both know each other, and packets go both ways', async () => {
      const server = await serve()
      const echoes = server.messages('app:echo')
      const there = clientOf(server, { python2 })
      await there.hears('ACTIVE')
      for (const value of VALUES) {
        there.tell({ send: 'app:echo', data: { value } })
        const { payload, from } = (await echoes.next()).value ?? {}
        // Python 2 has no other word for text than bytes.
        const isBytes = python2 && typeof value === 'string'
        expect(payload).toEqual({ value: isBytes ? new TextEncoder().encode(value) : value })
        await server.send('app:reply', { value }, { to: from as ServerClient })
        expect(await there.hears('app:reply')).toEqual({ value })
      }
    })

    test('as a server: both know each other, and packets go both ways', async () => {
      const { client, there } = await atPython({ python2 })
      const replies = client.messages('app:reply')
      for (const [ours, theirs] of [
        [1, 1],
        [null, null],
        [Uint8Array.of(0, 1), { bytes: '0001' }],
      ]) {
        await client.send('app:echo', { key: ours })
        expect(await there.hears('app:echo')).toEqual({ key: theirs })
        there.tell({ client: 0, send: 'app:reply', data: { key: theirs } })
        expect((await replies.next()).value).toMatchObject({ payload: { key: ours } })
      }
    })
  })

  test('as a client: adapts to our ids, and is refused where it wants its own as we do', async () => {
    const two = defineMessages({ 'app:b': { ...packet, id: 50 }, 'app:a': { ...packet, id: 40 } })
    const server = await listen('tcp://127.0.0.1:0', { protocol: packetmq(), messages: two })
    open.push(server)
    const adapting = clientOf(server, { packets: { 'app:b': 16, 'app:a': 17 } })
    await adapting.hears('ACTIVE')
    await server.broadcast('app:a', 'by its name')
    expect(await adapting.hears('app:a')).toBe('by its name')
    const enforcing = clientOf(server, { adapt: false })
    expect(await enforcing.hears('softquit')).toBe('reason.sameadaptivepolicy')
    const other = clientOf(server, { packets: { 'app:b': 16, 'app:c': 17 } })
    expect(await other.hears('softquit')).toBe('reason.nonequalpackets')
  })

  test('as a server: we adapt to its ids, in whatever order, also where they are ours in another order', async () => {
    const { client, there } = await atPython({ packets: { 'app:show': 17, 'app:echo': 18, 'app:reply': 40 } })
    await client.send('app:echo', 'echo')
    await client.send('app:reply', 'reply')
    await client.send('app:show', 'show')
    expect(await there.next()).toEqual({ client: 0, heard: 'app:echo', data: 'echo' })
    expect(await there.next()).toEqual({ client: 0, heard: 'app:reply', data: 'reply' })
    expect(await there.next()).toEqual({ client: 0, heard: 'app:show', data: 'show' })
  })

  test('as a server: one that adapts takes a client that enforces', async () => {
    const { client, there } = await atPython(
      { adapt: true, packets: { 'app:echo': 1000, 'app:reply': 1001, 'app:show': 1002 } },
      { messageIds: 'enforce' },
    )
    await client.send('app:show', 1)
    expect(await there.hears('app:show')).toBe(1)
    there.tell({ client: 0, send: 'app:reply', data: 2 })
    expect((await client.messages('app:reply').next()).value).toMatchObject({ payload: 2 })
  })

  test('as a server: a client of ours hears why it is refused, and says it', async () => {
    const { there, address } = await listening({ packets: { 'app:echo': 17 } })
    const options = { protocol: packetmq(), messages }
    expect(await failureOf(connect(address, options))).toMatchObject({ code: 'MESSAGES_MISMATCH', limit: 'messages' })
    expect(await there.hears('softquit')).toBe('reason.nonequalpackets')
    const same = await failureOf(connect(address, { ...options, messageIds: 'enforce' }))
    expect(same).toMatchObject({ code: 'MESSAGES_MISMATCH', limit: 'messageIds' })
  })

  test('as a client: leaves with a reason, and its last words before that arrive', async () => {
    const server = await serve()
    const shown = server.messages('app:show')
    const ends: unknown[] = []
    server.on('disconnect', ({ reason, error }) => ends.push(reason, error))
    const there = clientOf(server)
    await there.hears('ACTIVE')
    there.tell({ send: 'app:show', data: 'bye' }, { softquit: 'reason.done' })
    expect((await shown.next()).value).toMatchObject({ payload: 'bye' })
    await there.hears('softquit').catch(() => 'END')
    await until(() => ends.length > 0)
    expect(ends).toEqual(['reason.done', undefined])
  })

  test('as a client: is told why a server of ours closes, and has the last word', async () => {
    const server = await serve()
    const shown = server.messages('app:show')
    const there = clientOf(server, { last: ['app:show', 'last words'] })
    await there.hears('ACTIVE')
    const closing = server.close()
    expect(await there.hears('softquit')).toBe('reason.unknown')
    expect((await shown.next()).value).toMatchObject({ payload: 'last words' })
    expect(await closing).toEqual({ undone: [] })
  })

  test('as a server: is told why a client of ours leaves, and has the last word', async () => {
    const { client, there } = await atPython({ last: ['app:show', 'last words'] })
    const shown = client.messages('app:show')
    const closing = client.close({ reason: 'reason.done' })
    expect(await there.hears('softquit')).toBe('reason.done')
    expect((await shown.next()).value).toMatchObject({ payload: 'last words' })
    await closing
  })

  test('as a server: ends the client of ours with its reason, or is lost without one', async () => {
    const { client, there } = await atPython()
    const ends: unknown[] = []
    client.on('disconnect', ({ error, reason }) => ends.push(error?.code, reason))
    there.tell({ client: 0, softquit: 'reason.tired' })
    expect(await client.closed).toEqual({ undone: [], reason: 'reason.tired' })
    expect(ends).toEqual([undefined, 'reason.tired'])
    const { client: second, there: other } = await atPython()
    other.tell({ client: 0, cut: true })
    expect((await second.closed).error).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('carries items, where both name a packet for them', async () => {
    const server = await serve({ protocol: packetmq({ items: 'app:show' }) })
    const there = clientOf(server)
    await there.hears('ACTIVE')
    await server.put({ work: 1 })
    expect(await there.hears('app:show')).toEqual({ work: 1 })
    there.tell({ send: 'app:show', data: { done: 1 } })
    expect(await server.get()).toEqual({ done: 1 })
  })
})
