import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen } from '../src/index.ts'
import type { Client, Server, ServerOptions } from '../src/index.ts'
import { netQueue } from '../src/protocol/net-queue/net-queue.ts'
import { observe, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, RawPeer, RawServer } from './support/raw-peer.ts'

const CONN = frame(FRAME.CONN)
const DISCONN = frame(FRAME.DISCONN)

const open: { close(options: { timeout: number }): Promise<unknown> }[] = []
const peers: RawPeer[] = []

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut()
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
})

async function serve(
  options: ServerOptions<string, string> = {},
  at = 'tcp://127.0.0.1:0',
): Promise<Server<string, string>> {
  const server = await listen<string, string>(at, options)
  open.push(server)
  return server
}

/** An original client, with a status where it has one. */
async function original({ address }: Server<string, string>, status?: string): Promise<RawPeer> {
  const peer = await RawPeer.dial(address)
  peers.push(peer)
  peer.send(CONN)
  expect((await peer.next()).type).toBe(FRAME.CONN)
  if (status !== undefined) peer.send(frame(FRAME.STATUS, status))
  return peer
}

const itemOf = async (peer: RawPeer): Promise<string> => {
  const { type, data } = await peer.next()
  expect(type).toBe(FRAME.ENQUEUE)
  return data.toString()
}

/** A client of ours at an original server that is played by hand. */
async function atOriginal(): Promise<{ client: Client<string, string>; peer: RawPeer; server: RawServer }> {
  const server = await RawServer.listen()
  const connecting = connect<string, string>(server.address, { protocol: netQueue(), reconnect: { minDelayMs: 1 } })
  const peer = await server.accept()
  peer.send(CONN)
  const client = await connecting
  open.push(client)
  expect((await peer.next()).type).toBe(FRAME.CONN)
  return { client, peer, server }
}

describe('original clients of a server', () => {
  test('are chosen by what they said last: STATUS drives chooseDispatch', async () => {
    const server = await serve({
      chooseDispatch: (clients) =>
        clients.toSorted((a, b) => Number(b.status) - Number(a.status)).find(({ status }) => Number(status) > 0),
    })
    const one = await original(server, '1')
    const two = await original(server, '2')
    await until(() => server.clients.filter(({ status }) => status !== undefined).length === 2)
    await server.put('for two')
    expect(await itemOf(two)).toBe('for two')
    two.send(frame(FRAME.STATUS, '0'))
    await until(() => server.clients[1]?.status === '0')
    await server.put('for one')
    expect(await itemOf(one)).toBe('for one')
    one.send(frame(FRAME.STATUS, '0'))
    await until(() => server.clients[0]?.status === '0')
    const parked = observe(() => server.put('for whoever is first'))
    await rest()
    expect([parked(), server.backlog]).toEqual(['waits', 1])
    one.send(frame(FRAME.STATUS, '1'))
    expect(await itemOf(one)).toBe('for whoever is first')
  })

  test('may be kept apart by data, which their STATUS and what they were given change', async () => {
    const server = await serve({
      chooseDispatch: (clients) => {
        const found = clients.find(({ data }) => (data as number) > 0)
        if (found !== undefined) found.data = (found.data as number) - 1
        return found
      },
    })
    server.on('connect', ({ client }) => (client.data = 0))
    server.on('status', ({ client, status }) => (client.data = Number(status)))
    const peer = await original(server, '2')
    await server.put('a')
    await server.put('b')
    const third = observe(() => server.put('c'))
    expect([await itemOf(peer), await itemOf(peer), third()]).toEqual(['a', 'b', 'waits'])
    peer.send(frame(FRAME.STATUS, '1'))
    expect(await itemOf(peer)).toBe('c')
  })

  test('come while a put waits for one, and it goes to them', async () => {
    const server = await serve()
    expect(server.tryPut('now')).toBe(false)
    expect(await failureOf(server.put('in a while', { timeout: 10 }))).toMatchObject({
      code: 'QUEUE_FULL',
      delivered: 'no',
    })
    const put = server.put('whenever')
    const first = await original(server)
    expect(await itemOf(first)).toBe('whenever')
    await put
    const second = await original(server)
    await until(() => server.clients.length === 2)
    await server.put('to all', { to: 'all' })
    expect([await itemOf(first), await itemOf(second)]).toEqual(['to all', 'to all'])
  })

  test('are taken without being asked for, as many as come at once', async () => {
    const server = await serve()
    const comers = server.events('connect')
    await Promise.all(Array.from({ length: 20 }, () => original(server)))
    await until(() => server.clients.length === 20)
    await server.close({ timeout: 0 })
    let count = 0
    for await (const { client } of comers) count += client.protocol === 'net-queue' ? 1 : 0
    expect(count).toBe(20)
  })

  test('give one item at a time, whatever shared a frame, and all that is here at once', async () => {
    const server = await serve()
    const peer = await original(server)
    const reading = server.poll()
    peer.send(frame(FRAME.ENQUEUE, 'a\nb'), ...['c', 'd', 'e', 'f'].map((item) => frame(FRAME.ENQUEUE, item)))
    peer.send(frame(FRAME.PING))
    expect((await peer.next()).type).toBe(FRAME.PONG)
    expect(await reading).toBe(true)
    expect(await server.get()).toBe('a')
    expect(server.getAll()).toEqual(['b', 'c', 'd', 'e', 'f'])
    expect(server.tryGet()).toBeUndefined()
  })

  test('are met over IPv6, and where a server has just been', async () => {
    const first = await serve({}, 'tcp://[::1]:0')
    const peer = await original(first)
    await first.put('over IPv6')
    expect(await itemOf(peer)).toBe('over IPv6')
    const { address } = first
    await first.close({ timeout: 0 })
    const second = await serve({}, address)
    const next = await original(second)
    await second.put('again')
    expect(await itemOf(next)).toBe('again')
  })

  test('hear of the status of the server when it changes, and not unasked', async () => {
    const server = await serve({ status: 'first' })
    const peer = await original(server)
    server.setStatus('second')
    expect((await peer.next()).data.toString()).toBe('second')
    server.setStatus(['any', 'value'])
    expect((await peer.next()).data.toString()).toBe('["any","value"]')
  })
})

describe('a client of an original server', () => {
  test('that closes with notify: false leaves without a DISCONN', async () => {
    const { client, peer, server } = await atOriginal()
    await client.close({ notify: false })
    expect(await peer.untilEnd()).toEqual([])
    await server[Symbol.asyncDispose]()
  })

  test('closes with a DISCONN, once, whatever the server has sent meanwhile', async () => {
    const { client, peer, server } = await atOriginal()
    peer.send(frame(FRAME.ENQUEUE, 'too late'))
    await rest()
    const closed = client.close()
    const frames = await peer.untilEnd()
    peer.end()
    await closed
    expect(frames.map(({ type }) => type)).toEqual([FRAME.DISCONN])
    await server[Symbol.asyncDispose]()
  })

  test('is the same client when it is connected again, and says CONN again', async () => {
    const { client, peer, server } = await atOriginal()
    peer.cut()
    const next = await server.accept()
    expect((await next.next()).type).toBe(FRAME.CONN)
    next.send(CONN, frame(FRAME.ENQUEUE, 'welcome back'))
    expect(await client.get()).toBe('welcome back')
    next.send(DISCONN)
    await server[Symbol.asyncDispose]()
  })

  test('is told why calls fail that its wire has no words for: UNSUPPORTED', async () => {
    const { client, server } = await atOriginal()
    const failure = await failureOf(client.endRequests())
    expect(failure).toMatchObject({ code: 'UNSUPPORTED', message: 'The protocol net-queue does not carry requests' })
    await server[Symbol.asyncDispose]()
  })
})
