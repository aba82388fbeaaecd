import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'

import { bytes, connect, defineMessages, fromStreams, text, type } from '../src/index.ts'
import type {
  ByteDuplex,
  Client,
  ClientOptions,
  Messages,
  NetQueueError,
  Server,
  ServerClient,
  ServerOptions,
} from '../src/index.ts'
import { fulfil, packetstream } from '../src/protocol/index.ts'
import { requestPacket } from '../src/protocol/packetstream/frame.ts'
import type { Asked } from '../src/protocol/packetstream/frame.ts'
import { Tags } from '../src/protocol/packetstream/tags.ts'
import { heldBytes } from './support/memory.ts'
import { Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { HandPlayed } from './support/packetstream-peer.ts'

const messages = defineMessages({
  echo: { payload: type<string>(), reply: type<string>(), codec: text() },
  raw: { payload: type<Uint8Array>(), reply: type<Uint8Array>(), codec: bytes() },
  note: { payload: type<string>(), codec: text() },
})
type M = typeof messages
const protocol = packetstream({ types: { echo: 0, raw: 1, note: 2 } })
const ECHO = '03020201' // tag 2, no payload
const ENDS = '0301020003000200'
const hexOf = (asked: Asked): string => Buffer.from(requestPacket(asked).subarray()).toString('hex')

class Talk extends Place {
  async serve(options: ServerOptions<never, never, M> = {}): Promise<Server<never, never, M>> {
    const server = await this.listen<never, never, M>({ messages, protocol, ...options })
    server.handle('echo', (payload) => payload)
    return server
  }

  visit(options: ClientOptions<never, never, M> = {}): Promise<Client<never, never, M>> {
    return this.connect<never, never, M>({ messages, protocol, ...options })
  }

  /** A server and its client. */
  async both(options: ServerOptions<never, never, M> & ClientOptions<never, never, M> = {}): Promise<Both> {
    const server = await this.serve(options)
    const client = await this.visit(options)
    await until(() => server.clients.length === 1)
    return { server, client, there: server.clients[0] as ServerClient }
  }

  /** A client of a peer that is played by hand. */
  async visiting(
    options: ClientOptions<never, never, M> = {},
  ): Promise<{ peer: HandPlayed; client: Client<never, never, M> }> {
    const peer = new HandPlayed()
    const client = await connect<never, never, M>(peer.duplex, { messages, protocol, env: this.clock, ...options })
    return { peer, client }
  }

  /** A server, and a peer that is played by hand. */
  async visited(
    options: ServerOptions<never, never, M> = {},
    peer: HandPlayed = new HandPlayed(),
  ): Promise<{ peer: HandPlayed; server: Server<never, never, M> }> {
    const server = await this.serve(options)
    void server.accept(peer.duplex).catch(() => {})
    await rest()
    return { peer, server }
  }
}

interface Both {
  server: Server<never, never, M>
  client: Client<never, never, M>
  there: ServerClient
}

const codeOf = async (promise: Promise<unknown>): Promise<unknown> => ((await failureOf(promise)) as NetQueueError).code
const reasonOf = (error: unknown): unknown => (error as { remoteCode?: string }).remoteCode

describe('packetstream: requests', () => {
  test('go both ways on one connection', async () => {
    await using talk = new Talk()
    const { server, client, there } = await talk.both()
    client.handle('echo', (payload) => `${payload}?`)
    expect(await Promise.all([client.request('echo', 'a'), server.request('echo', 'b', { to: there })])).toEqual([
      'a',
      'b?',
    ])
    expect([client.servers[0]?.protocol, there.protocol]).toEqual(['packetstream', 'packetstream'])
  })

  test('carry flags as headers, both ways, and no other header', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both()
    server.handle(
      'raw',
      fulfil((payload: Uint8Array, { headers }) => [Number(headers['flags'] ?? 0) * 2, payload]),
    )
    const answer = await client.call('raw', Uint8Array.of(1), { headers: { flags: '21' } })
    expect(answer).toMatchObject({ value: Uint8Array.of(1), headers: { flags: '42' } })
    await expect(client.request('echo', '', { headers: { lang: 'en' } })).rejects.toThrow(RangeError)
    await expect(client.request('echo', '', { headers: { flags: 'x' } })).rejects.toThrow(RangeError)
    await expect(client.send('note', '', { headers: { flags: '-1' } })).rejects.toThrow(RangeError)
  })

  test('are answered in the order in which their handlers are done', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both()
    const answers: ((value: Uint8Array) => void)[] = []
    server.handle('raw', () => new Promise((resolve) => answers.push(resolve)))
    const order: number[] = []
    const asked = [0, 1, 2].map(async (index) => {
      await client.request('raw', new Uint8Array(0))
      order.push(index)
    })
    await until(() => answers.length === 3)
    for (const answer of answers.toReversed()) answer(new Uint8Array(0))
    await Promise.all(asked)
    expect(order).toEqual([2, 1, 0])
  })

  test('have channels between sides of this library, whose requests do not wait for each other', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both()
    const channels: number[] = []
    server.handle('raw', (payload, { channel }) => {
      channels.push(channel)
      return payload
    })
    for (const channel of [0, 1, 255]) await client.request('raw', Uint8Array.of(channel), { channel })
    expect(channels).toEqual([0, 1, 255])
  })

  test('in a channel that the peer has not are refused, unbegun', async () => {
    await using talk = new Talk()
    const { client, peer } = await talk.visiting()
    const refused = failureOf(client.request('echo', '', { channel: 1 }))
    await peer.heard(1)
    peer.send('15020101756e6b6e6f776e206368616e6e656c202564')
    expect(await refused).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'UNKNOWN_CHANNEL', delivered: 'no' })
    await client.close({ timeout: 0, notify: false })
  })

  test('that nobody handles, or whose handler throws, are RemoteErrors with the codes that those have elsewhere', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both({ exposeErrors: true })
    expect(await failureOf(client.request('raw', new Uint8Array(0)))).toMatchObject({
      remoteCode: 'UNKNOWN_REQUEST',
      delivered: 'no',
    })
    server.handle('raw', () => {
      throw Object.assign(new Error('it is: gone'), { code: 'NOT_FOUND' })
    })
    expect(await failureOf(client.request('raw', new Uint8Array(0)))).toMatchObject({
      remoteCode: 'NOT_FOUND',
      reason: 'it is: gone',
    })
  })

  test('that nobody waits for any more are answered to nobody', async () => {
    await using talk = new Talk()
    const { client, peer } = await talk.visiting()
    const late = failureOf(client.request('echo', '', { timeout: 50 }))
    await peer.heard(1)
    expect(await talk.pass(late)).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
    const next = client.request('echo', 'b')
    await peer.heard(2)
    peer.send('020204', '03030461')
    expect(await next).toBe('a')
    expect(peer.packets).toHaveLength(2)
    await client.close({ timeout: 0, notify: false })
  })

  test('beyond maxRequests wait for a place, on either side: none is refused', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both({ limits: { maxRequests: 2 } })
    const answers: ((value: Uint8Array) => void)[] = []
    server.handle('raw', () => new Promise((resolve) => answers.push(resolve)))
    const asked = [1, 2, 3].map(() => client.request('raw', new Uint8Array(0)))
    await until(() => answers.length === 2)
    await rest()
    expect(answers).toHaveLength(2)
    answers[0]?.(new Uint8Array(0))
    await until(() => answers.length === 3)
    for (const answer of answers) answer(new Uint8Array(0))
    await Promise.all(asked)
    const flood = new HandPlayed()
    void server.accept(flood.duplex).catch(() => {})
    flood.send('03020202', '03030202', '03040202')
    await until(() => answers.length === 5)
    await rest()
    expect(answers).toHaveLength(5)
    answers[3]?.(new Uint8Array(0))
    await until(() => answers.length === 6)
    expect(await flood.heard(1)).toMatchObject([{ tag: 2, isOk: true }])
    flood.cut()
  })

  test('that an original sends as fast as it can are all answered', async () => {
    await using talk = new Talk()
    const { peer } = await talk.visited()
    const tags = Array.from({ length: 3_000 }, (_, index) => index + 2)
    peer.send(...tags.map((tag) => hexOf({ tag, channel: 0, flags: 0, type: 1, payload: new Uint8Array(0) })))
    const packets = await peer.heard(tags.length)
    expect(packets.filter((packet) => packet.kind === 'response' && packet.isOk)).toHaveLength(tags.length)
  })

  test('that are too many of a peer that owes us an answer are refused, as that may stand behind them', async () => {
    await using talk = new Talk()
    const { peer, server } = await talk.visited({ limits: { maxRequests: 2 } })
    server.handle('raw', () => new Promise(() => {}))
    const asked = failureOf(server.request('echo', 'a', { to: server.clients[0] as ServerClient }))
    await peer.heard(1)
    peer.send('03020202', '03030202', '03040202')
    expect(await peer.heard(2)).toMatchObject([
      { kind: 'request' },
      { tag: 4, isOk: false, payload: new TextEncoder().encode('TOO_MANY_REQUESTS') },
    ])
    peer.cut()
    expect(await asked).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('that the client may not make are refused', async () => {
    await using talk = new Talk()
    const { client } = await talk.both({ authorize: (_, action, name) => !(action === 'request' && name === 'echo') })
    expect(reasonOf(await failureOf(client.request('echo', '')))).toBe('NOT_AUTHORIZED')
  })
})

describe('packetstream: messages', () => {
  test('go both ways, and to all but some', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both()
    const other = await talk.visit()
    await until(() => server.clients.length === 2)
    const heard: string[] = []
    for (const [name, some] of [
      ['one', client],
      ['two', other],
    ] as const)
      some.on('note', ({ payload, headers }) => void heard.push(`${name}: ${payload} ${headers['flags'] ?? ''}`))
    server.on('note', ({ payload }) => void heard.push(`server: ${payload}`))
    await client.send('note', 'up')
    await until(() => heard.length === 1)
    await server.broadcast('note', 'down', { except: [server.clients[1] as ServerClient], headers: { flags: '7' } })
    await until(() => heard.length === 2)
    expect(heard).toEqual(['server: up', 'one: down 7'])
  })

  test('are answered at once, so that nobody who asks them waits', async () => {
    await using talk = new Talk()
    const { peer } = await talk.visited()
    peer.send('0402020361', '0405020362')
    expect(await peer.heard(2)).toMatchObject([
      { kind: 'response', tag: 2, isOk: true },
      { kind: 'response', tag: 5, isOk: true },
    ])
    peer.cut()
  })
})

describe('packetstream has no', () => {
  test('items, streams and statuses: they are UNSUPPORTED, or left unsaid', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both()
    const calls = [
      client.put(1 as never),
      server.put(1 as never),
      server.submit(1 as never),
      client.get(),
      client.request('echo', '', { body: ['x'] as never }),
    ]
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ code: 'UNSUPPORTED' })
    expect(() => client.stream('echo', '')).toThrow('The protocol packetstream does not carry streams')
    server.handle('raw', async function* () {
      yield new Uint8Array(0)
    })
    expect(reasonOf(await failureOf(client.request('raw', new Uint8Array(0))))).toBe('UNSUPPORTED')
    client.setStatus('busy')
    expect(await client.request('echo', 'a')).toBe('a')
  })

  test('word for who a client is: one that cannot show it is refused', async () => {
    await using talk = new Talk()
    const { peer, server } = await talk.visited({ token: 'sixteen bytes at least' })
    await until(() => peer.hasEnded)
    expect(server.clients).toEqual([])
    await expect(talk.visit({ token: 'sixteen bytes at least' })).rejects.toThrow(TypeError)
  })
})

describe('packetstream: the end', () => {
  test('of our requests is told behind the last one, and theirs go on', async () => {
    await using talk = new Talk()
    const { server, client, there } = await talk.both()
    client.handle('echo', (payload) => payload)
    await Promise.all([client.request('echo', 'last'), client.endRequests()])
    expect(await codeOf(client.request('echo', 'late'))).toBe('CLOSED')
    expect(await server.request('echo', 'on', { to: there })).toBe('on')
  })

  test('is ERQ, what is open, EOF, and then the wait for theirs', async () => {
    await using talk = new Talk()
    const { peer, client } = await talk.visiting()
    let answer = (): void => {}
    client.handle('echo', (payload) => new Promise((resolve) => (answer = () => resolve(payload))))
    const open = client.request('echo', 'x')
    peer.send(ECHO)
    await peer.heard(1)
    const closing = client.close()
    await rest()
    expect(peer.packets).toHaveLength(1)
    answer()
    expect(await peer.heard(2)).toMatchObject([{ kind: 'request' }, { kind: 'response', tag: 2 }])
    peer.send('020204')
    expect(await open).toBe('')
    await peer.heard(4)
    expect(peer.hex.endsWith(ENDS)).toBe(true)
    await rest()
    expect(client.state).toBe('closing')
    peer.send(ENDS)
    await closing
    expect(client.state).toBe('closed')
  })

  test('of a server refuses what comes too late as an original does, and answers what came before', async () => {
    await using talk = new Talk()
    const { peer, server } = await talk.visited()
    let answer: (payload: Uint8Array) => void = () => {}
    server.handle('raw', () => new Promise((resolve) => (answer = resolve)))
    peer.send('03020202')
    await rest()
    const closing = server.close()
    peer.send('03030201')
    expect(await peer.heard(1)).toMatchObject([
      { tag: 3, isOk: false, payload: new TextEncoder().encode('rejecting request: runstate.cancelled') },
    ])
    answer(Uint8Array.of(97))
    expect((await peer.heard(4)).map(({ kind }) => kind)).toEqual(['response', 'response', 'endOfRequests', 'end'])
    peer.send(ENDS)
    await talk.pass(closing)
  })

  test('of a peer that waits for its answers comes when it has them, however long that takes', async () => {
    await using talk = new Talk()
    const { peer, server } = await talk.visited({ limits: { heartbeatMs: 0 } })
    let answer: (payload: Uint8Array) => void = () => {}
    server.handle('raw', () => new Promise((resolve) => (answer = resolve)))
    peer.send('03020202', ENDS)
    await rest()
    const asked = failureOf(server.request('echo', 'x', { to: server.clients[0] as ServerClient }))
    expect(await asked).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'no' })
    talk.clock.advance(600_000)
    await rest()
    answer(Uint8Array.of(97))
    expect((await peer.heard(3)).map(({ kind }) => kind)).toEqual(['response', 'endOfRequests', 'end'])
    await until(() => server.clients.length === 0)
    peer.cut()
  })

  test('of a peer rejects what it will not answer, at once', async () => {
    await using talk = new Talk()
    const { peer, client } = await talk.visiting()
    client.handle('echo', () => client.request('echo', 'back')) // which would wait for the peer, as the peer waits for it
    const open = failureOf(client.request('echo', 'x'))
    await peer.heard(1)
    peer.send(ECHO)
    await peer.heard(2)
    peer.send(ENDS)
    expect(await open).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    expect((await peer.heard(5)).map(({ kind }) => kind).slice(2)).toEqual(['response', 'endOfRequests', 'end'])
    await client.closed
  })

  test('is waited for on either side, before it comes and behind it', async () => {
    await using talk = new Talk()
    const { client, there } = await talk.both()
    let hasLeft = false
    const left = there.closed.then(() => (hasLeft = true))
    await rest()
    expect(hasLeft).toBe(false)
    await client.close()
    await Promise.all([left, there.closed])
    expect(await client.closed).toEqual({ undone: [] })
    expect(there.isConnected).toBe(false)
  })

  test('of a peer that dies rejects what is open, and tells whether it may have been begun', async () => {
    await using talk = new Talk()
    const { peer, client } = await talk.visiting()
    const open = [1, 2, 3].map(() => failureOf(client.request('echo', 'x')))
    await peer.heard(3)
    peer.cut()
    for (const error of await Promise.all(open))
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' } })
  })

  test('does not wait for a peer that is silent: close() has its time, and some two seconds', async () => {
    await using talk = new Talk()
    const { peer, client } = await talk.visiting()
    const open = failureOf(client.request('echo', 'x'))
    await peer.heard(1)
    const start = talk.clock.now()
    await talk.pass(client.close({ timeout: 1_000 }))
    expect(talk.clock.now() - start).toBeLessThan(3_300)
    expect(await open).toMatchObject({ delivered: 'maybe' })
  })

  test('does not wait for handlers that outlive it: the peer has said its last word, and that is that', async () => {
    await using talk = new Talk()
    const { peer, client } = await talk.visiting()
    client.handle('raw', () => new Promise(() => {}))
    peer.send('03020202')
    await rest()
    const closing = client.close({ timeout: 100 })
    await talk.clock.pass(peer.heard(2))
    const ended = talk.clock.now()
    peer.send(ENDS)
    await closing
    expect(talk.clock.now()).toBe(ended)
  })

  test('leaves the stream to whoever gave it, and what stands behind it unread', async () => {
    await using talk = new Talk()
    const peer = new HandPlayed()
    const server = await talk.serve()
    const left = new Promise((resolve) => server.on('disconnect', resolve))
    void server.accept(peer.duplex, { closeDuplex: false })
    await rest()
    peer.send(ECHO, ENDS, '616263')
    await left
    const { value } = await peer.duplex.source[Symbol.asyncIterator]().next()
    expect(Buffer.from(value?.slice() ?? []).toString()).toBe('abc')
    expect(peer.packets.map(({ kind }) => kind)).toEqual(['response', 'endOfRequests', 'end'])
    expect(peer.hasEnded).toBe(false)
    peer.cut()
  })
})

describe('packetstream: none of the defects of the original', () => {
  test('tags are not remembered when they are over, whatever their number', async () => {
    const tags = new Tags()
    const payload = new Uint8Array(0)
    const talk = (count: number): void => {
      for (let tag = 1; tag <= count; tag += 1) {
        tags.answered(tags.ask(tag))
        tags.answer(tags.take({ tag: 7, channel: 0, payload }))
        tags.message()
      }
    }
    talk(1_000)
    const before = heldBytes()
    talk(200_000)
    expect(heldBytes() - before).toBeLessThan(200_000)
    expect(tags.isAnswering).toBe(false)
  })

  test('a peer that asks and reads nothing is let go, and the others are served meanwhile', async () => {
    await using talk = new Talk()
    const deaf = new HandPlayed({ isDeaf: true })
    const { server } = await talk.visited({}, deaf)
    const client = await talk.visit()
    const left: unknown[] = []
    server.on('disconnect', ({ error }) => void left.push(error?.code))
    const flood = '0402020361'.repeat(20_000)
    for (let round = 0; round < 20 && left.length === 0; round += 1) {
      deaf.send(flood)
      expect(await client.request('echo', 'a')).toBe('a')
    }
    await until(() => left.length > 0)
    expect(left).toEqual(['SLOW_PEER'])
  })

  test('a payload is no longer than maxItemBytes, in either direction', async () => {
    await using talk = new Talk()
    const { client } = await talk.both({ limits: { maxItemBytes: 1_000 } })
    expect(await client.request('echo', 'x'.repeat(1_000))).toHaveLength(1_000)
    expect(await failureOf(client.request('echo', 'x'.repeat(1_001)))).toMatchObject({ code: 'ITEM_TOO_LARGE' })
    await using other = new Talk()
    const { peer, server } = await other.visited({ limits: { maxItemBytes: 3 } })
    const left: unknown[] = []
    server.on('disconnect', ({ error }) => void left.push(error?.code))
    peer.send('0702020161616161')
    await until(() => left.length > 0)
    expect(left).toEqual(['ITEM_TOO_LARGE'])
  })

  test('large payloads arrive whole, in pieces of any size', async () => {
    await using talk = new Talk()
    const { server, client } = await talk.both()
    server.handle('raw', (payload) => payload)
    const payload = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251)
    expect(Buffer.from(await client.request('raw', payload)).equals(payload)).toBe(true)
  })

  test('any two streams of bytes are a connection: of the web, too', async () => {
    await using talk = new Talk()
    const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
    const server = await talk.serve()
    const accepted = server.accept(fromStreams({ readable: there.readable as never, writable: back.writable }))
    const duplex: ByteDuplex = fromStreams({ readable: back.readable as never, writable: there.writable })
    const client = await connect<never, never, M>(duplex, { messages, protocol })
    await accepted
    expect(await client.request('echo', 'web')).toBe('web')
    await client.close()
    expect(await client.closed).toEqual({ undone: [] })
  })
})

test('a connection is called what its duplex is called', async () => {
  await using talk = new Talk()
  const [there, back] = [new PassThrough(), new PassThrough()]
  const server = await talk.serve()
  void server.accept(fromStreams({ readable: there, writable: back, remoteAddress: 'the left one' }))
  const duplex = fromStreams({ readable: back, writable: there, remoteAddress: 'the right one' })
  const client = await connect<never, never, M>(duplex, { messages, protocol })
  await until(() => server.clients.length === 1)
  expect([client.servers[0]?.address, server.clients[0]?.address]).toEqual(['the right one', 'the left one'])
  await client.close()
})

test('both sides can be named by their messages alone: types are their ids', async () => {
  await using talk = new Talk()
  const some: Messages<M['definitions']> = messages
  const server = await talk.listen<never, never, M>({ messages: some, protocol: packetstream() })
  server.handle('echo', (payload) => payload)
  const client = await talk.connect<never, never, M>({ messages: some, protocol: packetstream() })
  expect(await client.request('echo', 'a')).toBe('a')
})
