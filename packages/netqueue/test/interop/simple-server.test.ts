import { join } from 'node:path'

import { afterEach, describe, expect, test } from 'vitest'

import { connect, defineMessages, listen, text, type } from '../../src/index.ts'
import type { Client, Headers, Server, ServerClient } from '../../src/index.ts'
import type { Protocol } from '../../src/protocol/protocol.ts'
import { simpleServer } from '../../src/protocol/simple-server/simple-server.ts'
import { until } from '../support/nodes.ts'
import { ownPort } from '../support/ports.ts'
import { hasPython, Python } from '../support/python.ts'

const VECTORS = join(import.meta.dirname, '../../../../docs/simple-server-vectors.json')

const messages = defineMessages({ message: { payload: type<string>(), codec: text() } })
type App = typeof messages
/** What is said at once has more time between it than a process stands still on a busy machine. */
const GAP_MS = 250
const speaking = (gapMs: number): { messages: App; protocol: Protocol } => ({
  messages,
  protocol: simpleServer({ gapMs }),
})

const started: Python[] = []
const open: { close(options: { timeout: number }): Promise<unknown> }[] = []

afterEach(async () => {
  // First: an original that stands still would be waited for.
  await Promise.all(started.splice(0).map((python) => python.end()))
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
})

function python(...args: string[]): Python {
  const made = new Python('simple_server.py', ...args)
  started.push(made)
  return made
}

interface Serving {
  server: Server<unknown, unknown, App>
  port: string
  heard: [body: string, headers: Headers][]
  left: string[]
}

async function serve(gapMs = 0): Promise<Serving> {
  const server = await listen('tcp://127.0.0.1:0', speaking(gapMs))
  const [heard, left]: [Serving['heard'], string[]] = [[], []]
  server.on('message', ({ payload, headers }) => heard.push([payload, { ...headers }]))
  server.on('disconnect', ({ error }) => left.push(error?.code ?? 'goodbye'))
  open.push(server)
  return { server, port: (server.address ?? '').slice('tcp://127.0.0.1:'.length), heard, left }
}

/** A client of ours at a server in Python. */
async function atPython(
  gapMs = 0,
  at = 0,
): Promise<{ client: Client<unknown, unknown, App>; there: Python; heard: Serving['heard'] }> {
  const there = python('server', String(at))
  const { port } = await there.next()
  const client = await connect(`tcp://127.0.0.1:${String(port)}`, {
    ...speaking(gapMs),
    reconnect: { minDelayMs: 10 },
  })
  const heard: Serving['heard'] = []
  client.on('message', ({ payload, headers }) => heard.push([payload, { ...headers }]))
  open.push(client)
  return { client, there, heard }
}

const BODIES = ['plain', 'zwölf 漢字 😀', '', '$a:b|', 'two\nlines', 'x'.repeat(1_000)]
const HEADERS = { Lang: 'de', 'with blanks': 'größer', flag: null }
/** As the original has it. */
const READ = { Lang: 'de', 'with blanks': 'größer', flag: '' }

describe.skipIf(!hasPython)('a SimpleServer peer in Python, written from the layout of its messages,', () => {
  test('reads and writes the vectors as they stand there', async () => {
    expect(await python('vectors', VECTORS).next()).toEqual({ count: 19, differing: [] })
  })

  test('hears what is said to it at once as one message after the other', async () => {
    const { server, port } = await serve(GAP_MS)
    const there = python('client', port)
    await until(() => server.clients.length === 1)
    const { client, there: other } = await atPython(GAP_MS)
    for (const body of ['one', 'two']) {
      void server.broadcast('message', body)
      void client.send('message', body)
    }
    for (const heard of ['one', 'two']) {
      expect(await there.next()).toEqual({ headers: {}, heard })
      expect(await other.next()).toEqual({ client: 0, headers: {}, heard })
    }
  })

  test('as a client: says messages, and hears those that are said to it', async () => {
    const { server, port, heard, left } = await serve()
    const there = python('client', port)
    await until(() => server.clients.length === 1)
    const [client] = server.clients as [ServerClient]
    for (const body of BODIES) {
      await server.send('message', body, { to: client })
      expect(await there.next()).toEqual({ headers: {}, heard: body })
    }
    await server.send('message', 'with headers', { to: client, headers: HEADERS })
    expect(await there.next()).toEqual({ headers: READ, heard: 'with headers' })
    there.tell({ send: { headers: { a: '1', z: '' }, body: 'größer' } })
    await until(() => heard.length === 1)
    there.tell({ cut: true })
    await until(() => left.length === 1)
    expect([heard, left]).toEqual([[['größer', { a: '1', z: null }]], ['goodbye']])
  })

  test('as several clients: hear what all are told, but for those left out', async () => {
    const { server, port } = await serve()
    const first = python('client', port)
    await until(() => server.clients.length === 1)
    const second = python('client', port)
    await until(() => server.clients.length === 2)
    await server.broadcast('message', 'some', { except: server.clients.slice(0, 1) })
    expect((await second.next())['heard']).toBe('some')
    await server.broadcast('message', 'all')
    expect([(await first.next())['heard'], (await second.next())['heard']]).toEqual(['all', 'all'])
    await server.close()
  })

  test('as the client of the example: has its handshake answered', async () => {
    const { server, port } = await serve()
    server.on('message', ({ headers, from }) => {
      const answer = { to: from, headers: { handshake: 'example' } }
      if ('handshake' in headers) void server.send('message', 'Hello from the server!', answer)
    })
    const answered = { headers: { handshake: 'example' }, heard: 'Hello from the server!' }
    expect(await python('handshake', port).next()).toEqual(answered)
  })

  test('as a client: what would kill a server of its kind harms nobody here', async () => {
    const { server, port, heard, left } = await serve()
    const there = [python('client', port), python('client', port), python('client', port)]
    await until(() => server.clients.length === 3)
    there[0]?.tell({ hex: Buffer.from('no per cent').toString('hex') })
    there[1]?.tell({ hex: '24ff25' })
    await until(() => left.length === 1)
    there[2]?.tell({ send: { body: 'fine' } })
    await until(() => heard.length === 2)
    expect(heard.map(([body]) => body).toSorted()).toEqual(['fine', 'no per cent'])
    expect(left).toEqual(['BAD_MESSAGE'])
  })

  test('as a server: hears each message of a client of ours for itself, and answers', async () => {
    const { client, there, heard } = await atPython()
    for (const body of BODIES) {
      await client.send('message', body)
      expect(await there.next()).toEqual({ client: 0, headers: {}, heard: body })
    }
    await client.send('message', 'Hello server!', { headers: { handshake: null } })
    expect(await there.next()).toEqual({ client: 0, headers: { handshake: '' }, heard: 'Hello server!' })
    await until(() => heard.length === 1)
    there.tell({ client: '*', send: { headers: { news: 'yes' }, body: '100% sure' } })
    await until(() => heard.length === 2)
    expect(heard).toEqual([
      ['Hello from the server!', { handshake: 'example' }],
      ['100% sure', { news: 'yes' }],
    ])
    await client.close()
    expect(await there.next()).toEqual({ client: 0, heard: 'END' })
  })

  test('as a server: one that is gone is lost, and one that comes in its place is found', async () => {
    const port = await ownPort()
    const { client, there } = await atPython(0, port)
    await client.send('message', 'first')
    await there.next()
    await there.end()
    await until(() => client.state === 'reconnecting')
    const replacement = python('server', String(port))
    await replacement.next()
    await client.send('message', 'second')
    expect(await replacement.next()).toMatchObject({ heard: 'second' })
  })
})
