import { createServer } from 'node:http'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { connect as dial } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

import { WebSocket } from 'ws'
import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, text } from '../src/index.ts'
import type { ByteDuplex, Client, NetQueueError, Server, ServerOptions } from '../src/index.ts'
import { websocket } from '../src/transport/websocket.ts'
import type { WebSocketOptions } from '../src/transport/websocket.ts'
import { Authority } from './support/certificates.ts'
import { expectHandles, handles } from './support/handles.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

const authority = await Authority.found()
const identity = await authority.issue()
const { ca } = authority
const plain = { item: text(), result: text() }

type Node = Server<string, string> | Client<string, string>
const open: Node[] = []
const sockets: Socket[] = []
const https: HttpServer[] = []
const warnings: NetQueueError[] = []
const before = handles()

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const node of open.splice(0).toReversed()) await node.close({ timeout: 0 })
  for (const http of https.splice(0)) await new Promise((resolve) => http.close(resolve))
  warnings.length = 0
  await expectHandles(before)
})

interface StartOptions extends WebSocketOptions {
  address?: string
  more?: ServerOptions<string, string>
}

async function start({ address = 'ws://127.0.0.1:0/queue', more, ...options }: StartOptions = {}): Promise<
  Server<string, string>
> {
  const transports = [websocket({ tls: { ca, ...identity }, ...options })]
  const server = await listen<string, string>(address, { ...plain, transports, ...more })
  server.on('warning', ({ error }) => warnings.push(error))
  open.push(server)
  return server
}

async function join(address: string | undefined, options: WebSocketOptions = {}): Promise<Client<string, string>> {
  const client = await connect<string, string>(address ?? '', {
    ...plain,
    transports: [websocket({ tls: { ca }, ...options })],
  })
  open.push(client)
  return client
}

async function works(server: Server<string, string>): Promise<void> {
  const client = await join(server.address)
  void client.process((item) => `${item}!`).catch(() => {})
  expect(await server.submit('works')).toBe('works!')
}

async function http(server: HttpServer = createServer()): Promise<HttpServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  https.push(server)
  return server
}

const portOf = (server: HttpServer | Server<string, string>): number =>
  'listen' in server ? (server.address() as AddressInfo).port : Number(new URL(server.address ?? '').port)

/** A socket, and all that comes until it ends. */
async function raw(
  port: number,
  ...parts: (string | Uint8Array)[]
): Promise<{ socket: Socket; answer: Promise<Buffer> }> {
  const socket = dial({ port, host: '127.0.0.1' })
  sockets.push(socket)
  const chunks: Buffer[] = []
  const answer = new Promise<Buffer>((resolve) => {
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  for (const part of parts) socket.write(part)
  return { socket, answer }
}

/** A request to upgrade; headers that are `undefined` are left out. */
function request(path: string, headers: Record<string, string | undefined> = {}): string {
  const all = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

interface Frame {
  opcode?: number
  fin?: boolean
  compressed?: boolean
  masked?: boolean
  /** What it says of its length. @default what it is */
  length?: number
}

/** A frame of WebSocket, as a client sends it. */
function frame(
  payload: Uint8Array,
  { opcode = 2, fin = true, compressed = false, masked = true, length }: Frame = {},
): Buffer {
  const said = length ?? payload.length
  const head = Buffer.alloc(said > 65_535 ? 10 : said > 125 ? 4 : 2)
  head[0] = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode
  head[1] = (masked ? 0x80 : 0) | (said > 65_535 ? 127 : said > 125 ? 126 : said)
  if (head.length === 4) head.writeUInt16BE(said, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(said), 2)
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), payload])
}

describe('8: what is no WebSocket is answered, and its connection closed; a good client works on:', () => {
  test.each<[string, string, RegExp, string]>([
    ['a page that is asked for', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1.1 426 /, 'HTTP_426'],
    ['a body', 'POST /queue HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello', /^HTTP\/1.1 426 /, 'HTTP_426'],
    ['another path', request('/other'), /^HTTP\/1.1 404 /, 'HTTP_404'],
    ['a path that begins like ours', request('/queue/x'), /^HTTP\/1.1 404 /, 'HTTP_404'],
    ['another subprotocol', request('/queue', { 'Sec-WebSocket-Protocol': 'mqtt' }), /^HTTP\/1.1 400 /, 'HTTP_400'],
    ['another origin', request('/queue', { Origin: 'http://evil.example' }), /^HTTP\/1.1 403 /, 'HTTP_403'],
    ['an origin that is none', request('/queue', { Origin: 'null' }), /^HTTP\/1.1 403 /, 'HTTP_403'],
    ['no key', request('/queue', { 'Sec-WebSocket-Key': undefined }), /^HTTP\/1.1 400 /, 'NO_UPGRADE'],
    ['another version', request('/queue', { 'Sec-WebSocket-Version': '7' }), /^HTTP\/1.1 400 /, 'NO_UPGRADE'],
    ['another kind of upgrade', request('/queue', { Upgrade: 'h2c' }), /^HTTP\/1.1 400 /, 'NO_UPGRADE'],
    ['headers of 9 KiB', request('/queue', { Cookie: 'x'.repeat(9_000) }), /^HTTP\/1.1 431 /, 'HPE_HEADER_OVERFLOW'],
    ['a greeting of SSH', 'SSH-2.0-OpenSSH_9.2p1\r\n', /^HTTP\/1.1 400 /, 'HPE_INVALID_METHOD'],
    ['the beginning of TLS', '\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03', /^HTTP\/1.1 400 /, 'HPE_INVALID_METHOD'],
    ['a frame of our own', '\0\0\0\x21\0\x01netq', /^HTTP\/1.1 400 /, 'HPE_INVALID_METHOD'],
  ])('%s', async (_, said, expected, code) => {
    const server = await start()
    const { answer } = await raw(portOf(server), Buffer.from(said, 'latin1'))
    expect((await answer).toString()).toMatch(expected)
    await until(() => warnings.length > 0)
    expect(warnings).toMatchObject([{ code: 'CONNECTION_LOST' }])
    expect(warnings[0]?.message).toContain(code)
    await works(server)
  })

  test('a client of ours that takes the port for one of TCP is told what is spoken there', async () => {
    const server = await start()
    const error = await failureOf(connect(server.address?.replace('ws:', 'tcp:').replace('/queue', '') ?? ''))
    expect((error as Error).message).toContain('the peer seems to speak HTTP')
    await works(server)
  })

  test('a request that comes a byte at a time has the time of an introduction, and no more', async () => {
    const clock = new Clock()
    const server = await start({ more: { env: clock } })
    const { socket, answer } = await raw(portOf(server))
    for (const byte of request('/queue').slice(0, 10)) {
      socket.write(byte)
      await rest()
      clock.advance(499)
    }
    clock.advance(100)
    await until(() => warnings.length > 0)
    expect(warnings).toMatchObject([{ code: 'HANDSHAKE_TIMEOUT' }])
    await clock.pass(answer, { withinMs: 2_500 }) // for 2 s we try to say so
  })
})

describe('6, 28: what no client of ours sends over a WebSocket ends its connection, at once and within bounds:', () => {
  const OPENED = /^HTTP\/1.1 101 /
  /** The code with which a WebSocket was closed, by the last bytes that came. */
  const closeCode = (answer: Buffer): number => answer.readUInt16BE(answer.length - 2)

  test.each<[string, Uint8Array[], number]>([
    ['a text', [frame(Buffer.from('hello'), { opcode: 1 })], 1003],
    ['a message beyond 64 KiB, of which nothing more comes', [frame(Buffer.alloc(0), { length: 65_537 })], 1009],
    ['a message of 2^53 - 1 bytes, in name', [frame(Buffer.alloc(0), { length: 2 ** 53 - 1 })], 1009],
    [
      'fragments that are longer together',
      [frame(Buffer.alloc(60_000), { fin: false }), frame(Buffer.alloc(60_000), { opcode: 0 })],
      1009,
    ],
    [
      '1,025 fragments without a byte',
      [
        frame(Buffer.alloc(0), { fin: false }),
        ...Array.from({ length: 1_025 }, () => frame(Buffer.alloc(0), { opcode: 0, fin: false })),
      ],
      1008,
    ],
    ['a compressed message', [frame(Buffer.from('4a4c4a06 00'.replace(' ', ''), 'hex'), { compressed: true })], 1002],
    ['a frame without a mask', [frame(Buffer.from('x'), { masked: false })], 1002],
    ['a frame of an unknown kind', [frame(Buffer.from('x'), { opcode: 5 })], 1002],
    ['a message behind the end', [frame(Buffer.alloc(0)), frame(Buffer.from('x'))], 1002],
  ])('%s', async (_, frames, code) => {
    const server = await start()
    const { answer } = await raw(portOf(server), request('/queue'), ...frames)
    const got = await answer
    expect(got.toString('latin1')).toMatch(OPENED)
    expect(got.toString('latin1')).not.toMatch(/extensions/i)
    expect(closeCode(got)).toBe(code)
    await until(() => warnings.length > 0)
    await works(server)
  })

  test('permessage-deflate is not granted', async () => {
    const server = await start()
    const extension = 'permessage-deflate; server_max_window_bits=8'
    const { socket, answer } = await raw(portOf(server), request('/queue', { 'Sec-WebSocket-Extensions': extension }))
    socket.end()
    expect((await answer).toString('latin1')).not.toMatch(/sec-websocket-extensions/i)
  })

  test('1-byte messages are the same bytes', async () => {
    const server = await start()
    const hello = Buffer.from('00000001', 'hex')
    const parts = [...hello].map((byte) => frame(Buffer.of(byte)))
    await raw(portOf(server), request('/queue'), ...parts)
    await until(() => warnings.length > 0)
    expect(warnings).toMatchObject([{ code: 'FRAME_TOO_SHORT' }])
  })

  test('a flood of pings without a byte read is ended', async () => {
    const server = await start()
    const { socket } = await raw(portOf(server), request('/queue'))
    socket.pause()
    const flood = Buffer.concat(Array.from({ length: 10_000 }, () => frame(Buffer.alloc(125), { opcode: 9 })))
    while (!socket.destroyed && warnings.length === 0) {
      socket.write(flood)
      await rest()
    }
    expect(warnings.length > 0 || socket.destroyed).toBe(true)
    await works(server)
  })

  test('a close without the ends of both sides is a lost connection', async () => {
    const server = await start()
    await raw(portOf(server), request('/queue'), frame(Buffer.from('03e8', 'hex'), { opcode: 8 }))
    await until(() => warnings.length > 0)
    expect(warnings).toMatchObject([{ code: 'CONNECTION_LOST' }])
  })
})

describe('origins', () => {
  const at = (port: number, Origin: string | undefined, Host: string): string =>
    request('/queue', { Origin, Host: Host.replace('PORT', `${port}`) })

  test.each<[string, string | undefined, string, WebSocketOptions['origins'], number]>([
    ['none', undefined, 'anything', undefined, 101],
    ['that of the host', 'http://127.0.0.1:PORT', '127.0.0.1:PORT', undefined, 101],
    ['that of the host, by a name of this machine', 'http://localhost:PORT', 'localhost:PORT', undefined, 101],
    ['another port of the host', 'http://127.0.0.1:1', '127.0.0.1:PORT', undefined, 403],
    [
      'a name that somebody else made stand for this machine',
      'http://evil.example:PORT',
      'evil.example:PORT',
      undefined,
      403,
    ],
    ['no URL', 'nonsense', 'nonsense', undefined, 403],
    ['one of a list', 'https://good.example', 'x', ['https://good.example'], 101],
    ['none of a list', 'http://good.example', 'x', ['https://good.example'], 403],
    ['that of the host, which is in no list', 'http://127.0.0.1:PORT', '127.0.0.1:PORT', [], 403],
    ['what a function says', 'https://a.example', 'x', (origin) => origin.endsWith('.example'), 101],
    ['what a function does not say', 'https://a.test', 'x', (origin) => origin.endsWith('.example'), 403],
    [
      'what a function throws at',
      'https://a.test',
      'x',
      () => {
        throw new Error('no')
      },
      403,
    ],
  ])('%s', async (_, origin, host, origins, status) => {
    const server = await start(origins === undefined ? {} : { origins })
    const port = portOf(server)
    const { socket, answer } = await raw(port, at(port, origin?.replace('PORT', `${port}`), host))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.end()
    expect((await answer).toString('latin1')).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })
})

describe('a server that exists', () => {
  test('gives us the requests of our path; pages and other paths go on as before', async () => {
    const server = await http(createServer((_, response) => response.end('a page')))
    const one = await start({ server, address: 'ws://127.0.0.1:0/one' })
    const two = await start({ server, address: 'ws://127.0.0.1:0/two' })
    expect([one.address, two.address]).toEqual(['one', 'two'].map((path) => `ws://127.0.0.1:${portOf(server)}/${path}`))
    await works(one)
    await works(two)
    expect(await (await fetch(`http://127.0.0.1:${portOf(server)}/one`)).text()).toBe('a page')
    expect(await failureOf(join(one.address?.replace('one', 'three')))).toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('HTTP_404') as string,
    })
    await one.close()
    expect(await failureOf(join(one.address))).toMatchObject({ message: expect.stringContaining('HTTP_404') as string })
    await works(two)
  })

  test('may have others who listen for upgrades: paths that are not ours are theirs', async () => {
    const server = await http()
    await start({ server })
    server.on('upgrade', ({ url }: IncomingMessage, socket) => {
      if (url === '/theirs') socket.end('HTTP/1.1 418 Theirs\r\n\r\n')
    })
    const { answer } = await raw(portOf(server), request('/theirs'))
    expect((await answer).toString()).toMatch(/^HTTP\/1.1 418 /)
  })

  test('has each path once: a second listener is LISTEN_FAILED', async () => {
    const server = await http()
    await start({ server })
    expect(await failureOf(start({ server }))).toMatchObject({ code: 'LISTEN_FAILED', cause: { code: 'EADDRINUSE' } })
  })

  test('refuses other origins and subprotocols there', async () => {
    const server = await http()
    await start({ server })
    const evil = await raw(portOf(server), request('/queue', { Origin: 'http://evil.example' }))
    expect((await evil.answer).toString()).toMatch(/^HTTP\/1.1 403 /)
    const other = await raw(portOf(server), request('/queue', { 'Sec-WebSocket-Protocol': 'mqtt' }))
    expect((await other.answer).toString()).toMatch(/^HTTP\/1.1 400 /)
  })

  test('has options of TLS of its own', async () => {
    const server = await http()
    const listening = websocket({ server }).listen('wss://127.0.0.1:0/queue', { tls: identity })
    expect(await failureOf(listening)).toBeInstanceOf(TypeError)
  })

  test('P10: that is not known to listen on loopback alone needs authentication', async () => {
    const idle = createServer()
    expect(await failureOf(start({ server: idle }))).toMatchObject({ code: 'INSECURE_LISTEN' })
    const wide = createServer()
    await new Promise<void>((resolve) => wide.listen(0, resolve))
    https.push(wide)
    expect(await failureOf(start({ server: wide }))).toMatchObject({ code: 'INSECURE_LISTEN' })
    await start({ server: wide, more: { insecure: true } })
  })

  test('behind a proxy tells where clients are, by a header that is an IP address', async () => {
    const server = await http()
    const headers = ['203.0.113.7', '2001:db8::1', 'nonsense', undefined]
    const queue = await start({
      server,
      clientAddress: () => headers[0],
    })
    for (const expected of [
      /^ws:\/\/203\.0\.113\.7:\d+$/,
      /^ws:\/\/\[2001:db8::1\]:\d+$/,
      /^ws:\/\/127/,
      /^ws:\/\/127/,
    ]) {
      const client = await join(queue.address)
      expect(queue.clients[0]?.address).toMatch(expected)
      await client.close()
      await until(() => queue.clients.length === 0)
      headers.shift()
    }
  })

  test.each(['ws', 'wss'])('over %s has those cut that wait when the listener closes', async (scheme) => {
    const server = await http(scheme === 'ws' ? createServer() : createSecure(identity))
    const listener = await websocket({ server }).listen(`${scheme}://127.0.0.1:0/queue`)
    const asked = new Promise((resolve) => server.once('upgrade', resolve))
    const connecting = failureOf(websocket({ tls: { ca } }).connect(listener.address))
    await asked
    await listener.close()
    expect(await connecting).toMatchObject({ code: 'CONNECT_FAILED' })
  })

  test('speaks TLS where it is one of node:https, and knows that it does', async () => {
    const server = await http(createSecure(identity))
    const listener = await websocket({ server }).listen('wss://127.0.0.1:0/queue')
    const accepted = listener[Symbol.asyncIterator]().next() as Promise<IteratorYieldResult<ByteDuplex>>
    const [client, { value: served }] = await Promise.all([
      websocket({ tls: { ca } }).connect(listener.address),
      accepted.then(async (next) => {
        await next.value.open?.()
        return next
      }),
    ])
    expect([client.security?.encrypted, served.security?.encrypted]).toEqual([true, true])
    client.abort?.(new Error('over'))
    served.abort?.(new Error('over'))
    await listener.close()
  })
})

describe('34: TLS', () => {
  test('P10: certificates of clients authenticate them at a wss: address, and not at a ws: address', async () => {
    const tls = { ca, ...identity, requestCert: true }
    await start({ address: 'wss://0.0.0.0:0', tls })
    expect(await failureOf(start({ address: 'ws://0.0.0.0:0', tls }))).toMatchObject({ code: 'INSECURE_LISTEN' })
  })

  test('the certificate of a client is known to `authenticate`', async () => {
    const tls = { ca, ...identity, requestCert: true }
    const server = await start({
      address: 'wss://127.0.0.1:0',
      tls,
      more: { authenticate: ({ certificate }) => certificate?.subject.CN },
    })
    const client = await authority.issue({ name: 'worker-1', hosts: ['worker-1'] })
    await join(server.address, { tls: { ca, ...client } })
    expect(server.clients[0]?.identity).toBe('worker-1')
    expect(await failureOf(join(server.address))).toMatchObject({ code: expect.any(String) as string })
  })

  test('a client that does not know the authority of the server does not connect', async () => {
    const server = await start({ address: 'wss://127.0.0.1:0' })
    const error = await failureOf(connect(server.address ?? '', { transports: [websocket()] }))
    expect(error).toMatchObject({ code: 'CONNECT_FAILED' })
    expect((error as Error).message).toMatch(/CERT|SIGN|ISSUER/)
  })

  test('ws: at a wss: port, and the other way round, do not connect, and harm nobody', async () => {
    const secure = await start({ address: 'wss://127.0.0.1:0' })
    const bare = await start({ address: 'ws://127.0.0.1:0' })
    expect(await failureOf(join(secure.address?.replace('wss', 'ws')))).toMatchObject({ code: 'CONNECT_FAILED' })
    expect(await failureOf(join(bare.address?.replace('ws', 'wss')))).toMatchObject({ code: 'CONNECT_FAILED' })
    await works(secure)
    await works(bare)
  })
})

test('a key that is none is CONNECT_FAILED, and a client that is not to verify is wrong', async () => {
  const attempt = (tls: WebSocketOptions['tls']): Promise<unknown> =>
    failureOf(websocket({ ...(tls && { tls }) }).connect('wss://127.0.0.1:1'))
  expect(await attempt({ key: 'no key', cert: 'none' })).toMatchObject({ code: 'CONNECT_FAILED' })
  expect(await attempt({ rejectUnauthorized: false })).toBeInstanceOf(TypeError)
  expect(await failureOf(websocket().connect('ws://127.0.0.1:1', { tls: { ca } }))).toBeInstanceOf(TypeError)
})

describe('any client of WebSocket may speak', () => {
  test('with or without the subprotocol, in messages of any length', async () => {
    const server = await start()
    for (const protocols of [[], ['netqueue'], ['other', 'netqueue']]) {
      const socket = new WebSocket(server.address ?? '', protocols)
      await new Promise((resolve) => socket.once('open', resolve))
      expect(socket.protocol).toBe(protocols.length === 0 ? '' : 'netqueue')
      const answer = new Promise<Buffer>((resolve) => socket.once('message', (data: Buffer) => resolve(data)))
      for (const byte of Buffer.from('0000000100', 'hex')) socket.send(Buffer.of(byte))
      expect((await answer).toString()).toContain('FRAME_TOO_SHORT')
      socket.terminate()
    }
  })
})

test.each([
  'ws://user:secret@127.0.0.1:1/',
  'ws://127.0.0.1:1/#part',
  'ws://',
  'http://127.0.0.1:1',
  'ws://127.0.0.1:70000',
])('%s is no address', async (address) => {
  const error = await failureOf(websocket().connect(address))
  expect(error).toBeInstanceOf(TypeError)
  expect((error as Error).message).not.toContain('secret')
})
