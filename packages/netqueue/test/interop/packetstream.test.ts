import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

import { afterEach, describe, expect, test } from 'vitest'

import { bytes, connect, defineMessages, fromStreams, listen, text, type } from '../../src/index.ts'
import type { Client, ClientOptions, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import { fulfil } from '../../src/protocol/packetstream/fulfil.ts'
import { packetstream } from '../../src/protocol/packetstream/packetstream.ts'
import { until } from '../support/nodes.ts'
import { failureOf } from '../support/outcome.ts'
import { hasPython, Python } from '../support/python.ts'

const SCRIPT = 'packetstream.py'
const VECTORS = join(import.meta.dirname, '../../../../docs/packetstream-vectors.json')

const messages = defineMessages({
  reverse: { payload: type<string>(), reply: type<string>(), codec: text() },
  nothing: { payload: type<string>(), reply: type<string>(), codec: text() },
  fail: { payload: type<string>(), reply: type<string>(), codec: text() },
  hang: { payload: type<string>(), reply: type<string>(), codec: text() },
  unknown: { payload: type<string>(), reply: type<string>(), codec: text() },
  raw: { payload: type<Uint8Array>(), reply: type<Uint8Array>(), codec: bytes() },
  note: { payload: type<string>(), codec: text() },
})
type M = typeof messages
const protocol = packetstream({ types: { reverse: 0, nothing: 1, fail: 2, hang: 3, unknown: 4, raw: 5, note: 6 } })
const HANG = 3

interface Heard {
  heard: string
  tag?: number
  isOk?: boolean
  flags?: number
  payload?: string
}

/** An original peer in Python, which answers requests by itself. */
class PythonPeer extends Python {
  /** What it hears next, but for requests that it answers by itself. */
  override async hears(): Promise<Heard> {
    for (;;) {
      const next = (await this.process.next()) as Heard
      if (next.heard !== 'request') return next
    }
  }

  /** All kinds that it hears until the stream is at its end. */
  async untilEnd(): Promise<string[]> {
    const kinds: string[] = []
    while (kinds.at(-1) !== 'EOF' && kinds.at(-1) !== 'END') kinds.push((await this.hears()).heard)
    return kinds
  }
}

const started: PythonPeer[] = []
const open: { close(options: { timeout: number }): Promise<unknown> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close({ timeout: 0 })))
  await Promise.all(started.splice(0).map((python) => python.process.end()))
})

function python(...args: string[]): PythonPeer {
  const made = new PythonPeer(SCRIPT, ...args)
  started.push(made)
  return made
}

async function serve(options: ServerOptions<unknown, unknown, M> = {}): Promise<Server<unknown, unknown, M>> {
  const server = await listen('tcp://127.0.0.1:0', { messages, protocol, ...options })
  open.push(server)
  server.handle('reverse', (payload, { setHeaders }) => {
    setHeaders({ flags: '17' })
    return Array.from(payload).toReversed().join('')
  })
  server.handle('nothing', () => '')
  server.handle('fail', () => {
    throw new Error('a secret')
  })
  server.handle(
    'hang',
    (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(''))),
  )
  server.handle(
    'raw',
    fulfil((payload) => (payload.length === 0 ? 5 : payload)),
  )
  return server
}

/** A server, and an original client of its. */
async function visited(
  options?: ServerOptions<unknown, unknown, M>,
): Promise<{ server: Server<unknown, unknown, M>; peer: PythonPeer; client: ServerClient }> {
  const server = await serve(options)
  const peer = python('client', (server.address ?? '').slice('tcp://127.0.0.1:'.length))
  await until(() => server.clients.length === 1)
  return { server, peer, client: server.clients[0] as ServerClient }
}

/** A client of an original server. */
async function visiting(
  options: ClientOptions<unknown, unknown, M> = {},
): Promise<{ client: Client<unknown, unknown, M>; peer: PythonPeer }> {
  const peer = python('server')
  const { port } = (await peer.process.next()) as { port: number }
  const client = await connect(`tcp://127.0.0.1:${port}`, { messages, protocol, ...options })
  open.push(client)
  await peer.hears()
  return { client, peer }
}

const ask = (kind: number, payload: string, more: object = {}): object => ({ ask: { type: kind, payload, ...more } })

describe.skipIf(!hasPython)('an original packetstream peer in Python', () => {
  test('writes and reads the vectors as we do', async () => {
    expect(await python('vectors', VECTORS).process.next()).toEqual({ count: 9, wrong: [] })
  })

  test('asks a server of ours, and is answered with flags and payload', async () => {
    const { peer } = await visited()
    peer.tell(ask(0, 'héllo', { flags: 0x55 }), ask(1, ''), ask(5, 'same'), ask(5, ''))
    const answers = [await peer.hears(), await peer.hears(), await peer.hears(), await peer.hears()]
    expect(answers.toSorted((a, b) => (a.tag ?? 0) - (b.tag ?? 0))).toMatchObject([
      { tag: 2, isOk: true, flags: 17, payload: 'olléh' },
      { tag: 3, isOk: true, flags: 0, payload: '' },
      { tag: 4, isOk: true, flags: 0, payload: 'same' },
      { tag: 5, isOk: true, flags: 5, payload: '' },
    ])
  })

  test('is refused with the texts that it knows', async () => {
    const { peer } = await visited()
    peer.tell(ask(2, ''), ask(4, ''), ask(99, ''), ask(0, '', { channel: 700 }))
    const texts = [await peer.hears(), await peer.hears(), await peer.hears(), await peer.hears()]
    expect(texts.map(({ payload, isOk }) => `${payload} ${isOk}`).toSorted()).toEqual([
      'exception during handler false',
      'no request handler false',
      'no request handler false',
      'unknown channel %d false',
    ])
  })

  test('may use a tag again that was answered, and in another channel meanwhile', async () => {
    const { peer } = await visited()
    for (let round = 0; round < 3; round += 1) {
      peer.tell(ask(0, `round ${round}`, { tag: 7 }))
      expect(await peer.hears()).toMatchObject({ tag: 7, isOk: true, payload: `${round} dnuor` })
    }
    peer.tell(ask(HANG, '', { tag: 8 }), ask(0, 'ab', { tag: 8, channel: 1 }), ask(0, 'ab', { tag: 8 }))
    expect([await peer.hears(), await peer.hears()].map(({ payload }) => String(payload)).toSorted()).toEqual([
      'ba',
      'channel 0: tag already in use: 8',
    ])
  })

  test('asks a client of ours, and is asked by it, at the same time', async () => {
    const { client, peer } = await visiting()
    client.handle('reverse', (payload) => `${payload}?`)
    peer.tell(ask(0, 'you'))
    const reply = client.call('reverse', 'abc', { headers: { flags: '85' } })
    expect(await reply).toMatchObject({ value: 'cba', headers: { flags: '17' } })
    expect(await peer.hears()).toMatchObject({ heard: 'answer', payload: 'you?' })
  })

  test('is asked by a server of ours', async () => {
    const { server, client } = await visited()
    expect(await server.request('reverse', 'one of them', { to: client })).toBe('meht fo eno')
  })

  test('fails, and knows no handler, as other peers do', async () => {
    const { client } = await visiting()
    expect(await failureOf(client.request('fail', ''))).toMatchObject({ remoteCode: 'HANDLER_FAILED' })
    expect(await failureOf(client.request('unknown', ''))).toMatchObject({ remoteCode: 'UNKNOWN_REQUEST' })
  })

  test('is sent a message, and answers it for nobody', async () => {
    const { client, peer } = await visiting()
    await client.send('note', 'by the way')
    expect(await peer.process.next()).toMatchObject({ heard: 'request', type: 6, payload: 'by the way' })
    expect(await client.request('reverse', 'ab')).toBe('ba')
  })

  test('sends a message, which is answered with nothing', async () => {
    const { server, peer } = await visited()
    const notes: string[] = []
    server.on('note', ({ payload }) => void notes.push(payload))
    peer.tell(ask(6, 'by the way'))
    expect(await peer.hears()).toMatchObject({ isOk: true, payload: '' })
    expect(notes).toEqual(['by the way'])
  })

  test('leaves a server of ours: ERQ and EOF from here, ERQ and EOF from there', async () => {
    const { server, peer } = await visited()
    peer.tell(ask(0, 'ab'), { leave: true })
    expect(await peer.untilEnd()).toEqual(['answer', 'ERQ', 'EOF'])
    await until(() => server.clients.length === 0)
  })

  test('is left by a client of ours, which waits for its answers and then says ERQ and EOF', async () => {
    const { client, peer } = await visiting()
    const reply = client.request('reverse', 'ab')
    await client.close()
    expect(await reply).toBe('ba')
    expect(await peer.untilEnd()).toEqual(['ERQ', 'EOF'])
    expect(await client.closed).toEqual({ undone: [] })
  })

  test('says EOF early, and has its late answers before ours', async () => {
    const server = await serve()
    let answer: (late: string) => void = () => {}
    server.handle('unknown', () => new Promise((resolve) => (answer = resolve)))
    const peer = python('client', (server.address ?? '').slice('tcp://127.0.0.1:'.length))
    await until(() => server.clients.length === 1)
    peer.tell(ask(4, ''), { erq: true }, { eof: true })
    const asked = failureOf(server.request('hang', '', { to: server.clients[0] as ServerClient }))
    expect(await asked).toMatchObject({ code: 'CONNECTION_LOST' })
    answer('late')
    expect(await peer.hears()).toMatchObject({ heard: 'answer', payload: 'late' })
    expect(await peer.untilEnd()).toEqual(['ERQ', 'EOF'])
  })

  test('is refused after its end of requests, and answers on', async () => {
    const { server, peer, client } = await visited()
    peer.tell({ erq: true }, ask(0, 'late'))
    expect(await peer.hears()).toMatchObject({ isOk: false, payload: 'requests no longer allowed' })
    expect(await server.request('reverse', 'on', { to: client })).toBe('no')
  })

  test('hears of the end of our requests, and asks on', async () => {
    const { client, peer } = await visiting()
    client.handle('reverse', (payload) => payload)
    await client.endRequests()
    expect((await peer.hears()).heard).toBe('ERQ')
    peer.tell(ask(0, 'on'))
    expect(await peer.hears()).toMatchObject({ payload: 'on' })
  })

  test.each([
    ['is killed', 'SIGKILL'],
    ['closes without a word', { cut: true }],
    ['stops inside a packet', { hex: '7f020202', cut: true }],
    ['stops inside a length', { hex: '81', cut: true }],
  ])('that %s rejects what is open, and nothing hangs', async (_, how) => {
    const { client, peer } = await visiting({ reconnect: false })
    const hanging = Array.from({ length: 3 }, () => failureOf(client.request('hang', '')))
    for (let count = 0; count < 3; count += 1) await peer.process.next()
    if (typeof how === 'string') peer.process.signal('SIGKILL')
    else peer.tell(how)
    for (const error of await Promise.all(hanging))
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', delivered: 'maybe' })
    expect(await client.closed).toMatchObject({ error: { code: 'CONNECTION_LOST' } })
  })

  test('that says EOF rejects what is open', async () => {
    const { client, peer } = await visiting({ reconnect: false })
    const hanging = failureOf(client.request('hang', ''))
    await peer.process.next()
    peer.tell({ eof: true })
    expect(await hanging).toMatchObject({ code: 'CLOSED' })
    await client.closed
    expect(await peer.untilEnd()).toEqual(['ERQ', 'EOF'])
  })

  test.each([
    ['a length beyond every limit', 'ffffffff7f', 'FRAME_TOO_LARGE'],
    ['an end that is none', '0400020061', 'BAD_MESSAGE'],
  ])('that sends %s is let go, and the others are not', async (_, hex, code) => {
    const { server, peer } = await visited()
    const errors: unknown[] = []
    server.on('disconnect', ({ error }) => void errors.push(error?.code))
    const other = python('client', (server.address ?? '').slice('tcp://127.0.0.1:'.length))
    peer.tell({ hex })
    expect((await peer.untilEnd()).at(-1)).toMatch(/EOF|END/)
    expect(errors).toEqual([code])
    other.tell(ask(0, 'ab'))
    expect(await other.hears()).toMatchObject({ payload: 'ba' })
  })

  test('speaks over pipes as well as over sockets', async () => {
    const peer = python('pipe')
    const [, , , there, back] = peer.child.stdio as unknown as [unknown, unknown, unknown, Writable, Readable]
    const client = await connect(fromStreams({ readable: back, writable: there }), { messages, protocol })
    open.push(client)
    expect(await client.request('reverse', 'pipes')).toBe('sepip')
    await client.close()
    expect(await peer.untilEnd()).toEqual(['ERQ', 'EOF'])
  })

  test('is refused where clients have to show who they are', async () => {
    const server = await serve({ token: 'sixteen bytes at least' })
    const peer = python('client', (server.address ?? '').slice('tcp://127.0.0.1:'.length))
    peer.tell(ask(0, 'ab'))
    expect(await peer.untilEnd()).toEqual(['EOF'])
    expect(server.clients).toHaveLength(0)
  })
})
