import { join } from 'node:path'

import { afterEach, describe, expect, test } from 'vitest'

import { connect, defineMessages, json, listen, type } from '../../src/index.ts'
import type { Client, ClientOptions, Server } from '../../src/index.ts'
import { missionCommander, missionCommanderReconnect } from '../../src/protocol/mission-commander/mission-commander.ts'
import { until } from '../support/nodes.ts'
import { ownAddress } from '../support/ports.ts'
import { hasPython, Python } from '../support/python.ts'

const SCRIPT = 'mission_commander.py'
const VECTORS = join(import.meta.dirname, '../../../../docs/mission-commander-vectors.json')

const messages = defineMessages({ echo: { payload: type<unknown>(), codec: json() } })
type App = typeof messages
const options = { messages, protocol: missionCommander() }

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

interface Serving {
  server: Server<unknown, unknown, App>
  port: string
  heard: unknown[]
  left: string[]
}

async function serve(address = 'tcp://127.0.0.1:0'): Promise<Serving> {
  const server = await listen(address, options)
  const [heard, left]: [unknown[], string[]] = [[], []]
  server.on('echo', ({ from, payload }) => heard.push([from.id, payload]))
  server.on('disconnect', ({ client, error }) => left.push(`${client.id}: ${error?.code ?? 'goodbye'}`))
  open.push(server)
  return { server, port: (server.address ?? '').slice('tcp://127.0.0.1:'.length), heard, left }
}

/** A client of ours at a server in Python. */
async function atPython(
  more: ClientOptions<unknown, unknown, App> = {},
): Promise<{ client: Client<unknown, unknown, App>; there: Python; port: unknown }> {
  const there = python('server')
  const { port } = await there.next()
  const client = await connect(`tcp://127.0.0.1:${String(port)}`, {
    ...options,
    reconnect: missionCommanderReconnect,
    ...more,
  })
  open.push(client)
  return { client, there, port }
}

const PAYLOADS = [{}, { a: [1, -2, 1.5, null, true] }, 'zwölf 漢字 😀', [], null, 0, 'x'.repeat(100_000)]

describe.skipIf(!hasPython)('a MissionCommander peer in Python, written from the layout of its frames,', () => {
  test('reads and writes the vectors as they stand there', async () => {
    expect(await python('vectors', VECTORS).next()).toEqual({ count: 10, differing: [] })
  })

  test('as a client: gets what it is sent, and what all are, and is told of the shutdown behind that', async () => {
    const { server, port } = await serve()
    const there = python('client', port, 'snake')
    await until(() => server.clients.length === 1)
    for (const payload of PAYLOADS) {
      await server.send('echo', payload, { to: server.clients })
      expect(await there.next()).toEqual({ heard: 'echo', payload })
    }
    void server.broadcast('echo', 'last')
    await server.close()
    expect(await there.next()).toEqual({ heard: 'echo', payload: 'last' })
    expect(await there.next()).toEqual({ heard: 'shutdown', payload: {} })
  })

  test.each(['as the original does', 'compact', 'swapped', 'blanks', 'dribble'])(
    'as a client that writes its headers in its own manner, %s: is heard',
    async (manner) => {
      const { server, port, heard, left } = await serve()
      const there = python('client', port, 'snake', manner)
      const payloads = manner === 'dribble' ? PAYLOADS.slice(0, -1) : PAYLOADS
      there.tell(...payloads.map((payload) => ({ send: 'echo', payload })), { send: 'unknown', payload: 1 })
      await until(() => heard.length === payloads.length)
      expect(heard).toEqual(payloads.map((payload) => ['snake', payload]))
      there.tell({ shutdown: true })
      await until(() => server.clients.length === 0)
      expect(left).toEqual(['snake: goodbye'])
    },
  )

  test('as two clients with one id: the second one is sent away, the first one stays', async () => {
    const { server, port, heard } = await serve()
    const first = python('client', port, 'twin')
    await until(() => server.clients.length === 1)
    const second = python('client', port, 'twin')
    expect(await second.next()).toEqual({ heard: 'END' })
    first.tell({ send: 'echo', payload: 1 })
    await until(() => heard.length === 1)
    const third = python('client', port, 'third')
    third.tell({ send: 'echo', payload: 2 })
    await until(() => heard.length === 2)
    expect(heard).toEqual([
      ['twin', 1],
      ['third', 2],
    ])
  })

  test('as a client that comes again: finds a server that restarts, and stays away from one that has stopped', async () => {
    const { server, port, left } = await serve(await ownAddress())
    const there = python('steady', port, 'steady')
    await until(() => server.clients.length === 1)
    await server.close({ reason: 'restart' })
    expect(await there.next()).toEqual({ heard: 'END' })
    const next = await serve(server.address)
    await until(() => next.server.clients.length === 1)
    expect(left).toEqual(['steady: goodbye'])
    await next.server.close()
    expect(await there.next()).toEqual({ heard: 'shutdown', payload: {} })
    await expect(there.next()).rejects.toThrow('the process has ended')
  })

  test('as a server: hears the negotiation and messages, sends some, and hears shutdown and the end', async () => {
    const { client, there } = await atPython()
    expect(client.id).toMatch(/^[a-zA-Z0-9]{16}$/)
    expect(await there.next()).toEqual({ client: client.id, heard: 'negotiation', payload: { id: client.id } })
    const loop = client.messages('echo')
    for (const payload of PAYLOADS) {
      await client.send('echo', payload)
      expect(await there.next()).toEqual({ client: client.id, heard: 'echo', payload })
      there.tell({ client: '*', send: 'echo', payload })
      expect((await loop.next()).value?.payload).toEqual(payload)
    }
    await client.close()
    expect(await there.next()).toEqual({ client: client.id, heard: 'shutdown', payload: {} })
    expect(await there.next()).toEqual({ client: client.id, heard: 'END' })
  })

  test('as a server that stops: its client is told, and ends', async () => {
    const { client, there } = await atPython({ id: 'ours' })
    const told: string[] = []
    client.on('goaway', ({ code }) => told.push(code))
    await there.next()
    there.tell({ client: 'ours', shutdown: true })
    expect(await client.closed).toEqual({ undone: [] })
    expect([told, client.state]).toEqual([['CLOSED'], 'closed'])
  })

  test('as a server that cuts its client: it comes again, with another id, which no server has, and goes on', async () => {
    const { client, there } = await atPython()
    const states: string[] = []
    client.on('state', ({ state }) => states.push(state))
    const { id } = client
    await there.next()
    there.tell({ client: id, cut: true })
    const { payload } = await there.next()
    await client.send('echo', 'again')
    expect(await there.next()).toEqual({ client: client.id, heard: 'echo', payload: 'again' })
    expect(payload).toEqual({ id: client.id })
    expect(client.id).not.toBe(id)
    expect(states).toEqual(['reconnecting', 'connected'])
  })

  test('as a server that sends what it must not: the client says why', async () => {
    const { client, there } = await atPython({ reconnect: false })
    await there.next()
    there.tell({ client: '*', hex: '00'.repeat(64) })
    expect((await client.closed).error).toMatchObject({ code: 'BAD_MESSAGE' })
  })
})
