import { join } from 'node:path'

import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, relay } from '../../src/index.ts'
import type { Client, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import { netQueue } from '../../src/protocol/net-queue/net-queue.ts'
import { until } from '../support/nodes.ts'
import { ownPort } from '../support/ports.ts'
import { hasPython, Python } from '../support/python.ts'

const SCRIPT = 'net_queue.py'
const VECTORS = join(import.meta.dirname, '../../../../docs/protocol-vectors.json')

const started: Python[] = []
const open: { close(options: { timeout: number }): Promise<unknown> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
  await Promise.all(started.splice(0).map((python) => python.end()))
})

function python(...args: string[]): Python {
  const made = new Python(SCRIPT, ...args)
  started.push(made)
  return made
}

const portOf = ({ address = '' }: { address?: string | undefined }): string => address.slice('tcp://127.0.0.1:'.length)

async function serve(options: ServerOptions<string, string> = {}): Promise<Server<string, string>> {
  const server = await listen<string, string>('tcp://127.0.0.1:0', options)
  open.push(server)
  return server
}

/** The client that came last, once it has said as much. */
async function newest(server: Server<string, string>, count: number, status?: string): Promise<ServerClient> {
  await until(() => server.clients.length === count && server.clients.at(-1)?.status === status)
  return server.clients.at(-1) as ServerClient
}

/** A client of ours at a server in Python. */
async function atPython(status?: string): Promise<{ client: Client<string, string>; there: Python }> {
  const there = python('server')
  const { port } = (await there.next()) as { port: number }
  const client = await connect<string, string>(`tcp://127.0.0.1:${port}`, {
    protocol: netQueue(),
    reconnect: false,
    status,
  })
  open.push(client)
  expect(await there.hears('CONN')).toBeNull()
  return { client, there }
}

async function took(items: AsyncIterable<string>, count: number): Promise<string[]> {
  const taken: string[] = []
  for await (const item of items) if (taken.push(item) === count) break
  return taken
}

const WORDS = ['plain', 'zwölf', '漢字', '😀', '', 'x'.repeat(99_000)]

describe.skipIf(!hasPython)('an original net-queue peer in Python, written from the layout of its frames,', () => {
  test('reads and writes the vectors of the original as they stand there', async () => {
    expect(await python('vectors', VECTORS).next()).toEqual({ count: 13, differing: [] })
  })

  test('as a client: is answered CONN, says its status, and takes and puts items', async () => {
    const server = await serve()
    const there = python('client', portOf(server), 'ready')
    await there.hears('CONN')
    const client = await newest(server, 1, 'ready')
    expect([client.protocol, client.credit]).toEqual(['net-queue', 1])
    for (const word of WORDS) {
      await server.put(word)
      expect(await there.hears('ENQUEUE')).toEqual([word])
      there.tell({ send: 'ENQUEUE', data: [word] })
      expect(await server.get()).toBe(word)
    }
    there.tell({ send: 'ENQUEUE', data: ['one', '', 'three'] })
    expect(await took(server, 3)).toEqual(['one', '', 'three'])
  })

  test('as a client: its PING is answered, and the status of the server is told to it', async () => {
    const server = await serve({ status: 'unheard' })
    const there = python('client', portOf(server))
    await there.hears('CONN')
    there.tell({ send: 'PING' })
    await there.hears('PONG')
    server.setStatus('größer')
    expect(await there.hears('STATUS')).toBe('größer')
    server.setStatus({ load: 0.5 })
    expect(await there.hears('STATUS')).toBe('{"load":0.5}')
  })

  test('as a client: hears DISCONN when the server closes, and says it when it leaves', async () => {
    const server = await serve()
    const goodbyes: unknown[] = []
    server.on('disconnect', ({ client, error }) => goodbyes.push(client.id, error))
    const first = python('client', portOf(server))
    await first.hears('CONN')
    const { id } = await newest(server, 1)
    first.tell({ send: 'ENQUEUE', data: ['last words'] }, { close: true })
    expect(await server.get()).toBe('last words')
    await until(() => goodbyes.length > 0)
    expect(goodbyes).toEqual([id, undefined])
    const second = python('client', portOf(server))
    await second.hears('CONN')
    await newest(server, 1)
    const closed = server.close()
    await second.hears('DISCONN')
    expect(await closed).toEqual({ undone: [] })
  })

  test('as a client: one that is killed in the middle of a frame leaves the server and the others at work', async () => {
    const server = await serve()
    const lost: unknown[] = []
    server.on('disconnect', ({ error }) => lost.push(error?.code))
    const victim = python('client', portOf(server))
    const other = python('client', portOf(server))
    await Promise.all([victim.hears('CONN'), other.hears('CONN')])
    victim.tell({ hex: '00000010000668616c66' }, { send: 'PING' })
    await until(() => server.clients.length === 2)
    victim.signal('SIGKILL')
    await until(() => lost.length > 0)
    expect([lost, server.clients.length]).toEqual([['CONNECTION_LOST'], 1])
    await server.put('goes on')
    expect(await other.hears('ENQUEUE')).toEqual(['goes on'])
  })

  test('as a client: what it sends byte by byte is whole, and a megabyte at once is, too', async () => {
    const server = await serve()
    python('worker', portOf(server), '3', 'dribble')
    await newest(server, 1, '3')
    await server.put('in pieces')
    expect(await server.get()).toBe('in pieces by 3 in Python')
    const there = python('client', portOf(server))
    await there.hears('CONN')
    const item = `${'y'.repeat(1_000_000)}!`
    there.tell({ send: 'ENQUEUE', data: [item] })
    expect((await server.get()) === item).toBe(true)
  })

  test('as a client: its STATUS decides in chooseDispatch who gets an item', async () => {
    const free = ({ status }: ServerClient): number => Number(status)
    const server = await serve({ chooseDispatch: (clients) => clients.toSorted((a, b) => free(b) - free(a))[0] })
    const [one, two] = [python('client', portOf(server), '1'), python('client', portOf(server), '2')]
    await until(() => ['1', '2'].every((text) => server.clients.some(({ status }) => status === text)))
    await server.put('to the one with two')
    expect(await two.hears('ENQUEUE')).toEqual(['to the one with two'])
    two.tell({ send: 'STATUS', data: '0' })
    await until(() => server.clients.some(({ status }) => status === '0'))
    await server.put('to the other')
    expect(await one.hears('ENQUEUE')).toEqual(['to the other'])
  })

  test('as a client: a STATUS that says so makes it ready for what waits', async () => {
    const server = await serve({ ready: ({ status }) => Number(status) > 0 })
    const there = python('client', portOf(server), '0')
    await newest(server, 1, '0')
    let isTaken = false
    const put = server.put('waits').then(() => (isTaken = true))
    there.tell({ send: 'PING' })
    await there.hears('PONG')
    expect([isTaken, server.backlog]).toEqual([false, 1])
    there.tell({ send: 'STATUS', data: '1' })
    expect(await there.hears('ENQUEUE')).toEqual(['waits'])
    await put
  })

  test('as clients: shares a port with clients of netqueue, at the same time, and all of them work', async () => {
    const server = await serve({ ready: ({ status }) => Number(status) > 0 })
    for (const workers of ['1', '2']) python('worker', portOf(server), workers)
    const news = await Promise.all(['a', 'b'].map((id) => connect<string, string>(server.address as string, { id })))
    open.push(...news)
    const working = news.map((client) => client.process((item) => client.put(`${item} by ${client.id}`)))
    await until(() => server.clients.filter(({ credit }) => credit > 0).length === 4)
    const items = Array.from({ length: 300 }, (_, index) => `item ${index}`)
    const putting = server.putAll(items)
    const results = await took(server, items.length)
    await putting
    expect(results.map((result) => result.replace(/ by .*/, '')).toSorted()).toEqual(items.toSorted())
    const workers = new Set(results.map((result) => result.replace(/.* by /, '')))
    expect([...workers].toSorted()).toEqual(['1 in Python', '2 in Python', 'a', 'b'])
    expect(await server.close()).toEqual({ undone: [] })
    await Promise.all(working)
  })

  test('below a relay: takes items, one at a time, and what it puts goes up to the root', async () => {
    const root = await serve()
    const node = await relay<string, string>({ parent: root.address as string, listen: 'tcp://127.0.0.1:0' })
    open.push(node)
    python('worker', portOf(node), '1')
    const items = Array.from({ length: 20 }, (_, index) => `item ${index}`)
    const putting = root.putAll(items)
    expect(await took(root, items.length)).toEqual(items.map((item) => `${item} by 1 in Python`))
    await putting
    await root.idle()
    expect(root.clients[0]?.nodes.map(({ isRelay }) => isRelay)).toEqual([false])
  })

  test('above a relay: gives items to its leaves, and gets what they put', async () => {
    const there = python('server')
    const { port } = (await there.next()) as { port: number }
    const node = await relay<string, string>({
      parent: `tcp://127.0.0.1:${port}`,
      listen: 'tcp://127.0.0.1:0',
      client: { protocol: netQueue(), reconnect: false },
    })
    const leaf = await connect<string, string>(node.address as string)
    open.push(leaf, node)
    void leaf.process((item) => leaf.put(`${item} at the leaf`))
    await there.hears('CONN')
    there.tell({ client: 0, send: 'ENQUEUE', data: ['one', 'two'] })
    expect([await there.hears('ENQUEUE'), await there.hears('ENQUEUE')]).toEqual([
      ['one at the leaf'],
      ['two at the leaf'],
    ])
    there.tell({ client: 0, close: true })
    await leaf.closed
  })

  test('as a server: answers CONN, is told the status once, and takes and gives items', async () => {
    const { client, there } = await atPython('2 workers')
    expect(await there.hears('STATUS')).toBe('2 workers')
    for (const word of WORDS) {
      await client.put(word)
      expect(await there.hears('ENQUEUE')).toEqual([word])
      there.tell({ client: 0, send: 'ENQUEUE', data: [word] })
      expect(await client.get()).toBe(word)
    }
    there.tell({ client: 0, send: 'STATUS', data: 'fröhlich' }, { client: 0, send: 'PING' })
    await there.hears('PONG')
    expect(client.serverStatus).toBe('fröhlich')
    client.setStatus('1 worker')
    expect(await there.hears('STATUS')).toBe('1 worker')
  })

  test('as a server: hears DISCONN before a client of ours ends, and ends our loop with its own', async () => {
    const { client, there } = await atPython()
    const closing = client.close()
    await there.hears('DISCONN')
    await closing
    const { client: second, there: another } = await atPython()
    const items = took(second, 9)
    another.tell({ client: 0, send: 'ENQUEUE', data: ['a', 'b'] }, { client: 0, close: true })
    expect(await items).toEqual(['a', 'b'])
    expect((await second.closed).error).toBeUndefined()
  })

  test('as a server: one that is killed is lost, and one that comes in its place is found', async () => {
    const port = await ownPort()
    const there = python('server', String(port))
    expect(await there.next()).toEqual({ port })
    const client = await connect<string, string>(`tcp://127.0.0.1:${port}`, {
      protocol: netQueue(),
      status: 'here',
      reconnect: { minDelayMs: 10 },
    })
    open.push(client)
    const next = client.get()
    // Its connections are closed before its port is free: one comes in its place only once it is no more.
    await there.end()
    await until(() => client.state === 'reconnecting')
    const replacement = await listen<string, string>(`tcp://127.0.0.1:${port}`)
    open.push(replacement)
    await newest(replacement, 1, 'here')
    await replacement.put('found')
    expect(await next).toBe('found')
    expect(replacement.clients[0]?.protocol).toBe('net-queue')
  })
})
