import { connect as dialTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { connect as dialTls, createSecureContext, createServer as createTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'

import { afterEach, describe, expect, test, vi } from 'vitest'

import { connect, listen, text, tls } from '../src/index.ts'
import type { Client, ClientOptions, NetQueueError, Server, ServerOptions, TlsOptions } from '../src/index.ts'
import { Authority } from './support/certificates.ts'
import { clientHello } from './support/client-hello.ts'
import { expectHandles, handles } from './support/handles.ts'
import { until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { ownPort } from './support/ports.ts'
import { RawPeer } from './support/raw-peer.ts'

const authority = await Authority.found()
const stranger = await Authority.found('An authority that nobody knows')
const identity = await authority.issue()
const expired = await authority.issue({ isExpired: true })
const elsewhere = await authority.issue({ hosts: ['example.org', '192.0.2.1'] })
const known = await authority.issue({ name: 'worker-1', hosts: ['worker-1'] })
const unknown = await stranger.issue({ name: 'worker-1', hosts: ['worker-1'] })
const selfSigned = await Authority.selfSigned()
const { key: anotherKey } = await authority.issue()
const { ca } = authority
const plain = { item: text(), result: text() }

type Node = Server<string, string> | Client<string, string>
const open: Node[] = []
const sockets: Socket[] = []
const warnings: NetQueueError[] = []
const before = handles()

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const node of open.splice(0).toReversed()) await node.close({ timeout: 0 })
  warnings.length = 0
  await expectHandles(before)
})

async function serve(
  tls: TlsOptions = identity,
  options: ServerOptions<string, string> = {},
  address = 'tls://127.0.0.1:0',
): Promise<Server<string, string>> {
  const server = await listen<string, string>(address, {
    ...plain,
    ...(address.startsWith('tls') && { tls }),
    ...options,
  })
  server.on('warning', ({ error }) => warnings.push(error))
  open.push(server)
  return server
}

async function join(
  server: Server<string, string>,
  tls: TlsOptions = { ca },
  options: ClientOptions<string, string> = {},
): Promise<Client<string, string>> {
  const client = await connect<string, string>(server.address ?? '', { ...plain, tls, ...options })
  open.push(client)
  return client
}

const portOf = ({ address = '' }: Server<string, string>): number => Number(address.split(':').at(-1))

/** A client of somebody else's, by TLS; resolves with how it ended. */
function stray(server: Server<string, string>, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = dialTls({ port: portOf(server), host: '127.0.0.1', ca, ...options })
    sockets.push(socket)
    let code = 'ended'
    socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? String(error)))
    socket.on('close', () => resolve(code))
    // Which is later than the server's refusal.
    socket.once('secureConnect', () => socket.end())
    socket.resume()
  })
}

/** It still serves those who behave. */
async function goesOn(server: Server<string, string>): Promise<string> {
  const client = await join(server)
  void client.process((item) => `${item}!`).catch(() => {})
  const answer = await server.submit('it goes on')
  await client.close()
  return answer
}

/** What was warned of, when something was. */
async function warned(): Promise<string> {
  await until(() => warnings.length > 0)
  return warnings.map(({ code, message }) => `${code}: ${message}`).join('\n')
}

test('items, results and requests go over TLS as over TCP', async () => {
  const server = await serve()
  const client = await join(server)
  void client.process((item) => item.toUpperCase()).catch(() => {})
  expect(await server.submit('by tls')).toBe('BY TLS')
  expect(server.clients[0]?.address).toMatch(/^tls:\/\/127\.0\.0\.1:\d+$/)
})

describe('fault 34: a client that does not believe the server', () => {
  test.each<[what: string, shown: TlsOptions, believes: TlsOptions, code: string]>([
    ['an expired certificate', expired, { ca }, 'CERT_HAS_EXPIRED'],
    ['a certificate of another authority', identity, { ca: stranger.ca }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['a certificate of an authority that only the server knows', identity, {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['a certificate that vouches for itself', selfSigned, { ca }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['a certificate for another host', elsewhere, { ca }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a certificate for another name', identity, { ca, servername: 'example.org' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('is told why, by code, and does not try again: %s', async (_what, shown, believes, code) => {
    const server = await serve(shown)
    const failure = (await failureOf(join(server, believes, { wait: true }))) as NetQueueError
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', cause: { code } })
    expect(failure.message).toBe(`Cannot connect to ${server.address}: ${code}`)
    expect(server.clients).toEqual([])
  })

  test('does not let the environment talk it out of verifying', async () => {
    const server = await serve()
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    try {
      expect(await failureOf(join(server, {}))).toMatchObject({ code: 'CONNECT_FAILED' })
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('that comes back fails for good when the certificate is not good any more', async () => {
    const address = `tls://127.0.0.1:${await ownPort()}`
    const server = await serve(identity, {}, address)
    const client = await join(server)
    await server.close({ reason: 'restart' })
    await serve(expired, {}, address)
    await client.closed
    expect(client.state).toBe('failed')
  })
})

describe('fault 34: a server does not talk to', () => {
  test.each(['TLSv1', 'TLSv1.1', 'TLSv1.2'] as const)('whoever speaks no more than %s', async (version) => {
    const server = await serve()
    const ciphers = 'DEFAULT@SECLEVEL=0'
    expect(await stray(server, { minVersion: version, maxVersion: version, ciphers })).toMatch(
      /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS/,
    )
    expect(await warned()).toContain('CONNECTION_LOST: The TLS handshake with tls://127.0.0.1:')
    expect(await goesOn(server)).toBe('it goes on!')
  })

  test.each([
    ['offers none', {}, 'ERR_TLS_NO_ALPN: the peer does not offer netqueue/1 (ALPN)', 'ended|ECONNRESET'],
    ['offers another', { ALPNProtocols: ['h2'] }, 'ERR_SSL', 'ALERT_NO_APPLICATION_PROTOCOL'],
  ])('whoever does not offer our protocol: it %s', async (_what, options, warning, code) => {
    const server = await serve()
    expect(await stray(server, options)).toMatch(new RegExp(code))
    expect(await warned()).toContain(warning)
    expect(await goesOn(server)).toBe('it goes on!')
  })

  test('whoever hangs up in the midst of its first message, or resets, at any byte of it', async () => {
    const server = await serve()
    const bytes = await clientHello()
    for (let at = 0; at <= bytes.length; at += 16)
      for (const way of ['end', 'resetAndDestroy'] as const) {
        const socket = dialTcp(portOf(server), '127.0.0.1')
        sockets.push(socket)
        socket.on('error', () => {})
        await new Promise<void>((resolve) => socket.write(bytes.subarray(0, at), () => resolve()))
        socket[way]()
        socket.resume()
        await new Promise((resolve) => socket.once('close', resolve))
      }
    expect(await goesOn(server)).toBe('it goes on!')
  })

  test('noise', async () => {
    const server = await serve()
    for (const byte of [0, 1, 21, 22, 23, 128, 255]) {
      const peer = await RawPeer.dial(server.address?.replace('tls:', 'tcp:'))
      peer.send(Buffer.alloc(2_000, byte))
      await failureOf(peer.untilEnd())
      peer.cut()
    }
    expect(await goesOn(server)).toBe('it goes on!')
  })
})

describe('fault 8: the error names what is spoken at', () => {
  test('a TLS port by a client without TLS', async () => {
    const server = await serve()
    const address = server.address?.replace('tls:', 'tcp:') ?? ''
    expect(await failureOf(connect(address))).toMatchObject({ code: 'CONNECT_FAILED' })
    expect(await warned()).toContain('ERR_SSL_WRONG_VERSION_NUMBER: the peer seems not to speak TLS')
  })

  test('a TLS port by HTTP', async () => {
    const server = await serve()
    const peer = await RawPeer.dial(server.address?.replace('tls:', 'tcp:'))
    peer.send(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    expect(await warned()).toContain('the peer seems to speak HTTP')
    peer.cut()
  })

  test('a plain port by a client with TLS, on both sides', async () => {
    const server = await serve({}, {}, 'tcp://127.0.0.1:0')
    const address = server.address?.replace('tcp:', 'tls:') ?? ''
    const failure = (await failureOf(connect(address, { tls: { ca } }))) as NetQueueError
    expect(failure.message).toContain('ERR_SSL_WRONG_VERSION_NUMBER: the peer seems not to speak TLS')
    expect(await warned()).toContain('FRAME_TOO_LARGE: Expected a frame of at most 8192 bytes')
    expect(await warned()).toContain('the peer seems to speak TLS')
  })

  test('a TLS port that is not ours', async () => {
    const other = createTls(identity, (socket) => socket.on('error', () => {}).resume())
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const failure = await failureOf(connect(`tls://127.0.0.1:${port}`, { tls: { ca }, wait: true }))
    expect(failure).toMatchObject({ code: 'PROTOCOL_MISMATCH' })
    await new Promise((resolve) => other.close(resolve))
  })
})

describe('P7, fault 34: what users bring may throw in the midst of a handshake', () => {
  const fail = (): never => {
    throw new Error('what the user brought failed')
  }
  // oxlint-disable-next-line typescript/no-misused-promises
  const rejecting: TlsOptions['SNICallback'] = async () => fail()
  const context = createSecureContext({ ...identity, minVersion: 'TLSv1.3' })

  test.each<[string, TlsOptions]>([
    ['an SNICallback that throws', { SNICallback: fail }],
    ['an SNICallback that rejects', { SNICallback: rejecting }],
    ['an SNICallback that gives an error', { SNICallback: (_name, done) => done(new Error('unknown')) }],
    ['an SNICallback that gives no context', { SNICallback: (_name, done) => done(null, 'none' as never) }],
    ['an SNICallback that answers twice', { SNICallback: (_name, done) => [1, 2].forEach(() => done(null, context)) }],
    ['an ALPNCallback that throws', { ...identity, ALPNCallback: fail }],
    ['an ALPNCallback that makes up a protocol', { ...identity, ALPNCallback: () => 'made/up' }],
  ])('%s ends that connection alone', async (_what, options) => {
    const server = await serve(options)
    const address = server.address?.replace('127.0.0.1', 'localhost') ?? ''
    expect(await failureOf(connect(address, { tls: { ca } }))).toMatchObject({ code: 'CONNECT_FAILED' })
    expect(server.state).toBe('listening')
  })

  test('a checkServerIdentity that throws is a connection that failed', async () => {
    const server = await serve()
    const failure = (await failureOf(join(server, { ca, checkServerIdentity: fail }))) as NetQueueError
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', cause: { message: 'what the user brought failed' } })
  })

  test('names of servers that are none are taken as what they are', async () => {
    const names: string[] = []
    const SNICallback: TlsOptions['SNICallback'] = (name, done) => {
      names.push(name)
      done(null, context)
    }
    const server = await serve({ ...identity, SNICallback })
    for (const servername of ['x'.repeat(255), 'a b', '..', '%00', 'é', '__proto__', 'localhost.'])
      await stray(server, { servername, checkServerIdentity: () => undefined, ALPNProtocols: ['netqueue/1'] })
    expect(names).toContain('__proto__')
    expect(await goesOn(server)).toBe('it goes on!')
  })
})

describe('mutual TLS', () => {
  const mutual = { ...identity, ca, requestCert: true }
  const seen: unknown[] = []
  const authenticate: ServerOptions<string, string>['authenticate'] = ({ certificate }) => {
    seen.push(certificate?.subject.CN)
    return { name: certificate?.subject.CN ?? 'nobody' }
  }

  test('who has a certificate of the authority comes in, and the hook sees it', async () => {
    const server = await serve(mutual, { authenticate })
    await join(server, { ca, ...known })
    expect(server.clients[0]?.identity).toEqual({ name: 'worker-1' })
  })

  test.each([
    ['none', {}],
    ['one of another authority', unknown],
  ])('who has %s does not', async (_what, shown) => {
    seen.length = 0
    const server = await serve(mutual, { authenticate })
    expect(await failureOf(join(server, { ca, ...shown }))).toMatchObject({ code: 'CONNECT_FAILED' })
    expect(await warned()).toMatch(/CERT|SIGNATURE/)
    expect([server.clients, seen]).toEqual([[], []])
  })

  test.each([
    ['none', {}],
    ['one of another authority', unknown],
  ])('where %s does not keep out, it is not seen either', async (_what, shown) => {
    seen.length = 0
    const server = await serve({ ...mutual, rejectUnauthorized: false }, { authenticate })
    await join(server, { ca, ...shown })
    expect(seen).toEqual([undefined])
  })

  test('who goes on with a session in which it had shown none has none', async () => {
    seen.length = 0
    const server = await serve({ ...mutual, rejectUnauthorized: false }, { authenticate })
    const session = await new Promise<Buffer>((resolve) => {
      const socket = dialTls({ port: portOf(server), host: '127.0.0.1', ca, ALPNProtocols: ['netqueue/1'] })
      sockets.push(socket)
      socket.once('session', resolve)
    })
    await join(server, { ca, session })
    expect(seen).toEqual([undefined])
  })

  test('P10: with an authority of its own a server may listen where others reach it', async () => {
    const everywhere = 'tls://0.0.0.0:0'
    expect(await failureOf(serve(identity, {}, everywhere))).toMatchObject({ code: 'INSECURE_LISTEN' })
    const { ca: _, ...anybody } = mutual
    expect(await failureOf(serve(anybody, {}, everywhere))).toMatchObject({ code: 'INSECURE_LISTEN' })
    expect(await failureOf(serve({ ...mutual, rejectUnauthorized: false }, {}, everywhere))).toMatchObject({
      code: 'INSECURE_LISTEN',
    })
    await serve(mutual, {}, everywhere)
  })
})

describe('options', () => {
  test('a server without a certificate does not listen', async () => {
    await expect(serve({})).rejects.toThrow('Expected `tls` of a server to have `cert` and `key`')
  })

  test('a client that is not to verify does not connect', async () => {
    const server = await serve()
    await expect(join(server, { ca, rejectUnauthorized: false })).rejects.toThrow('Expected `rejectUnauthorized`')
  })

  test.each(['tcp://127.0.0.1:0', 'memory:x', 'unix:/tmp/x'])('`tls` is refused for %s', async (address) => {
    await expect(listen(address, { tls: identity })).rejects.toThrow('Expected `address` to be reached by TLS')
    await expect(connect(address, { tls: { ca } })).rejects.toThrow('Expected `address` to be reached by TLS')
    await expect(connect(['tls://a:1', address], { tls: { ca } })).rejects.toThrow('reached by TLS')
  })

  test.each([
    ['a certificate that is none', { cert: 'x', key: identity.key }],
    ['a key that is of another', { cert: identity.cert, key: anotherKey }],
  ])('%s: neither listens nor connects, and does not try again', async (_what, shown) => {
    const failure = (await failureOf(serve(shown))) as NetQueueError
    expect(failure).toMatchObject({ code: 'LISTEN_FAILED', cause: { code: expect.stringMatching(/^ERR_OSSL/) } })
    expect(await failureOf(connect('tls://127.0.0.1:1', { tls: shown, wait: true }))).toMatchObject({
      code: 'CONNECT_FAILED',
      cause: { code: expect.stringMatching(/^ERR_OSSL/) },
    })
  })
})

test('P7: whoever is at a TLS port holds nothing before its turn, and its time runs from then on', async () => {
  const server = await serve(identity, { limits: { maxHandshakesPerAddress: 1, handshakeTimeoutMs: 300 } })
  const silent = await RawPeer.dial(server.address?.replace('tls:', 'tcp:'))
  const client = join(server, { ca }, { wait: true })
  await failureOf(silent.untilEnd())
  silent.cut()
  await client
  expect(warnings.map(({ code }) => code)).toContain('HANDSHAKE_TIMEOUT')
})

test('one address among others is tried in turn', async () => {
  const server = await serve()
  const transports = [tls({ ca, lookup: async () => ['127.0.0.9', '127.0.0.1'] })]
  const client = await connect<string, string>(`tls://localhost:${portOf(server)}`, { ...plain, transports })
  open.push(client)
  expect(client.state).toBe('connected')
})
