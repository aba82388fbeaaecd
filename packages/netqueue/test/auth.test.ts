import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, memoryPair } from '../src/index.ts'
import { netQueue } from '../src/protocol/index.ts'
import type { AuthApplicant, ByteDuplex, ClientOptions, NetQueueError, Server, ServerOptions } from '../src/index.ts'
import { Middleman } from './support/middleman.ts'
import type { Change } from './support/middleman.ts'
import { Clock, Place, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, introduce, RawPeer, welcome } from './support/raw-peer.ts'
import type { RawFrame } from './support/raw-peer.ts'

const TOKEN = 'a token that nobody else knows'
const OTHER = 'another one, that is as good'
const WRONG = 'a token that was never given'
const ELSEWHERE = 'tcp://192.0.2.1:7000'
const coded = (code: string, more: object = {}): unknown => expect.objectContaining({ code, ...more })
const codeOf = ({ type, data }: RawFrame): unknown =>
  type === FRAME.ERROR ? (JSON.parse(data.toString()) as { code: string }).code : type

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A server without an address, which time does not end. */
async function serve(
  options: ServerOptions<string, string> = {},
): Promise<{ clock: Clock; server: Server<string, string>; warnings: string[] }> {
  const clock = new Clock()
  const server = await listen<string, string>(undefined, { env: clock, ...options })
  const warnings: string[] = []
  server.on('warning', ({ error }) => warnings.push(error.code))
  closing.push(async () => {
    await clock.pass(server.close({ timeout: 0 }))
    expect(clock.timers).toBe(0)
  })
  return { clock, server, warnings }
}

/** A peer in memory that is played by hand, at a server. */
function knock(server: Server<string, string>, address?: string): RawPeer {
  const [here, there] = memoryPair(address)
  const peer = new RawPeer(here)
  server.accept(there).catch(() => {})
  closing.push(() => peer.cut())
  return peer
}

const proofOf = (token: string, role: 1 | 2, client: Uint8Array, server: Uint8Array): Buffer => {
  const lengthOf = (data: Uint8Array): Buffer => Buffer.of(0, 0, data.length >> 8, data.length & 255)
  const parts = [Buffer.from('netqueue/1 auth'), Buffer.of(role), lengthOf(client), client, lengthOf(server), server]
  return createHmac('sha256', token).update(Buffer.concat(parts)).digest()
}

describe('a token', () => {
  test.each<[string, ServerOptions<string, string>['token'], string | Uint8Array]>([
    ['both know the same text', TOKEN, TOKEN],
    ['text is its bytes', TOKEN, Buffer.from(TOKEN)],
    ['the server takes several: the first', [TOKEN, OTHER], TOKEN],
    ['the second', [TOKEN, OTHER], OTHER],
  ])('lets a client in: %s', async (_what, token, own) => {
    await using place = new Place()
    const server = await place.listen({ token: token as string })
    const client = await place.connect({ token: own })
    expect(await Promise.all([server.get(), client.put('it flows')])).toEqual(['it flows', undefined])
    expect(server.clients[0]?.identity).toBeUndefined()
  })

  test('that is wrong is AUTH_FAILED 100 ms later, and a client does not try again', async () => {
    await using place = new Place()
    await place.listen({ token: TOKEN })
    const failure = failureOf(place.connect({ token: WRONG, wait: true }))
    expect(await place.pass(failure)).toEqual(coded('AUTH_FAILED'))
    expect(place.clock.now()).toBe(100)
  })

  test('that a client does not have is AUTH_REQUIRED, and says what is wanted', async () => {
    await using place = new Place()
    await place.listen({ token: TOKEN })
    expect(await failureOf(place.connect({ wait: true }))).toEqual(coded('AUTH_REQUIRED', { limit: 'token' }))
  })

  test('that the server was never given is AUTH_FAILED for a client that has one', async () => {
    await using place = new Place()
    await place.listen()
    expect(await failureOf(place.connect({ token: TOKEN, wait: true }))).toEqual(
      coded('AUTH_FAILED', { limit: 'token' }),
    )
  })

  test('is proved as the page of the protocol says', async () => {
    const { server } = await serve({ token: TOKEN })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('by hand')))
    const { data } = await peer.next()
    peer.send(frame(FRAME.AUTH, Buffer.concat([Buffer.of(1), proofOf(TOKEN, 1, hello('by hand'), data)])))
    const answer = await peer.next()
    expect([answer.type, answer.data]).toEqual([
      FRAME.AUTH,
      Buffer.concat([Buffer.of(1), proofOf(TOKEN, 2, hello('by hand'), data)]),
    ])
    peer.send(frame(FRAME.WELCOME, welcome('by hand', { item: 'msgpack', result: 'msgpack' })))
    expect((await peer.next()).type).toBe(FRAME.WELCOME)
  })

  test.each<[string, (own: Uint8Array) => [number, Uint8Array], string]>([
    ['a wrong proof', (own) => [FRAME.AUTH, own.with(5, (own[5] as number) ^ 1)], 'AUTH_FAILED'],
    ['the client’s own proof', (own) => [FRAME.AUTH, own], 'AUTH_FAILED'],
    ['no proof', () => [FRAME.AUTH, Buffer.of(1)], 'AUTH_FAILED'],
    ['an answer to credentials', () => [FRAME.AUTH, Buffer.of(2)], 'AUTH_FAILED'],
    ['a WELCOME at once', () => [FRAME.WELCOME, Buffer.from(welcome('server'))], 'UNEXPECTED_FRAME'],
  ])('is not known to a server that says %s', async (_what, answer, code) => {
    const { peer, duplex } = RawPeer.inMemory()
    const connecting = failureOf(connect(duplex, { token: TOKEN }))
    await peer.next()
    peer.send(frame(FRAME.CONN, hello('server')))
    const { type, data } = await peer.next()
    expect([type, data.length]).toEqual([FRAME.AUTH, 33])
    peer.send(frame(...answer(data)))
    expect(codeOf(await peer.next())).toBe(code)
    peer.end()
    expect(await connecting).toEqual(coded(code))
  })

  test.each([
    ['a token that is short', { token: 'fifteen bytes ..'.slice(0, 15) }, RangeError],
    ['a list with one that is', { token: [TOKEN, 'short'] }, RangeError],
    ['an empty list', { token: [] }, TypeError],
    ['a number', { token: 7 as never }, TypeError],
    ['a hook that is none', { authenticate: 'nobody' as never }, TypeError],
  ])('P11: %s is refused, without a word of it', async (_what, options, kind) => {
    const error = await failureOf(listen(undefined, options))
    expect(error).toBeInstanceOf(kind)
    expect(String(error)).not.toMatch(/fifteen|short/)
  })

  test.each([
    ['a token that is short', { token: 'short' }, RangeError],
    ['both a token and credentials', { token: TOKEN, credentials: 'both' }, TypeError],
    ['a token for an original server', { token: TOKEN, protocol: netQueue() }, TypeError],
  ])('P11: a client has no %s', async (_what, options, kind) => {
    expect(await failureOf(connect('memory:nowhere', options))).toBeInstanceOf(kind)
  })
})

describe('fault 35: one try', () => {
  test.each([
    [
      'another AUTH behind a wrong one',
      (good: string) => [frame(FRAME.AUTH, Buffer.alloc(33, 1)), good],
      'AUTH_FAILED',
    ],
    [
      'a WELCOME behind a wrong one',
      () => [frame(FRAME.AUTH, Buffer.alloc(33, 1)), frame(FRAME.WELCOME, welcome('raw'))],
      'AUTH_FAILED',
    ],
    ['a method that nobody knows', () => [frame(FRAME.AUTH, Buffer.from('\u0009"secret"'))], 'AUTH_FAILED'],
    ['credentials where a token is wanted', () => [frame(FRAME.AUTH, Buffer.from('\u0002"secret"'))], 'AUTH_FAILED'],
    ['an AUTH that is empty', () => [frame(FRAME.AUTH)], 'BAD_MESSAGE'],
    ['credentials that are no JSON', () => [frame(FRAME.AUTH, Buffer.from('\u0002{'))], 'BAD_MESSAGE'],
    ['a WELCOME without AUTH', () => [frame(FRAME.WELCOME, welcome('raw'))], 'AUTH_REQUIRED'],
    ['BATCH', () => [frame(FRAME.BATCH, Buffer.of(12, 1))], 'UNEXPECTED_FRAME'],
  ] as const)('%s', async (_what, attempt, code) => {
    const { clock, server } = await serve({ token: TOKEN })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')))
    const { data } = await peer.next()
    const good = frame(FRAME.AUTH, Buffer.concat([Buffer.of(1), proofOf(TOKEN, 1, hello('raw'), data)]))
    for (const sent of attempt(good)) peer.send(sent)
    const frames = await clock.pass(peer.untilEnd())
    expect(frames.map(codeOf)).toEqual([code])
    expect(server.clients).toEqual([])
  })

  test('a second AUTH behind a good one is UNEXPECTED_FRAME', async () => {
    const { server } = await serve({ authenticate: () => 'anybody' })
    const peer = knock(server)
    const auth = frame(FRAME.AUTH, Buffer.from('\u0002{}'))
    peer.send(frame(FRAME.CONN, hello('raw')), auth, auth)
    expect((await peer.untilEnd()).map(codeOf)).toEqual([FRAME.CONN, FRAME.AUTH, 'UNEXPECTED_FRAME'])
  })

  test.each([{ token: TOKEN }, { authenticate: () => 'anybody' }])(
    'an original net-queue client is sent away: AUTH_REQUIRED',
    async (options) => {
      const { server, warnings } = await serve(options)
      const peer = knock(server)
      peer.send('000000020001')
      expect((await peer.untilEnd()).map(codeOf)).toEqual([FRAME.DISCONN])
      expect(warnings).toEqual(['AUTH_REQUIRED'])
    },
  )

  test('who leaves before the answer leaves nothing behind', async () => {
    const { clock, server } = await serve({ token: TOKEN })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.alloc(33, 1)))
    await rest()
    expect(clock.timers).toBeGreaterThan(0)
    peer.cut()
    await rest()
    expect(clock.timers).toBe(0)
  })

  test('without authentication AUTH is UNEXPECTED_FRAME', async () => {
    const { server } = await serve()
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.alloc(33, 1)))
    expect((await peer.untilEnd()).map(codeOf)).toEqual([FRAME.CONN, 'UNEXPECTED_FRAME'])
  })
})

/** Changes one byte of the first frame of a type that goes one way. */
const flip =
  (way: 'up' | 'down', type: number, at: number): Change =>
  (came, going) =>
    going === way && came.type === type
      ? { type, data: Buffer.from(came.data.with(at, (came.data[at] as number) ^ 2)) }
      : came

describe('fault 35: whoever sits in the middle is found out', () => {
  const [MAX_VERSION, FLAGS, NONCE, ID] = [9, 11, 12, 29]

  test.each<[string, Change]>([
    ['the client’s versions', flip('up', FRAME.CONN, MAX_VERSION)],
    ['its flags', flip('up', FRAME.CONN, FLAGS)],
    ['its nonce', flip('up', FRAME.CONN, NONCE)],
    ['its id', flip('up', FRAME.CONN, ID)],
    ['the server’s versions', flip('down', FRAME.CONN, MAX_VERSION)],
    ['its nonce', flip('down', FRAME.CONN, NONCE)],
    ['its id', flip('down', FRAME.CONN, ID)],
    ['the client’s proof', flip('up', FRAME.AUTH, 1)],
    ['the server’s proof', flip('down', FRAME.AUTH, 1)],
    ['the client’s method', flip('up', FRAME.AUTH, 0)],
    ['the server’s method', flip('down', FRAME.AUTH, 0)],
  ])('who changes %s: nobody gets in', async (_what, change) => {
    const { clock, server } = await serve({ token: TOKEN, id: 'server' })
    const between = new Middleman(change)
    const accepted = failureOf(server.accept(between.there))
    const connecting = failureOf(connect(between.here, { token: TOKEN, id: 'client', env: clock }))
    const [refused, failed] = await clock.pass(Promise.all([accepted, connecting]))
    expect([refused, failed]).toEqual([expect.any(Error), expect.any(Error)])
    expect(server.clients).toEqual([])
    between.cut()
  })

  test.each<[string, Change, string]>([
    [
      'drops the client’s AUTH',
      ({ type, data }, way) => (way === 'up' && type === FRAME.AUTH ? undefined : { type, data }),
      'HANDSHAKE_TIMEOUT',
    ],
    [
      'drops the server’s AUTH',
      ({ type, data }, way) => (way === 'down' && type === FRAME.AUTH ? undefined : { type, data }),
      'HANDSHAKE_TIMEOUT',
    ],
    [
      'says WELCOME in its place',
      (came) => (came.type === FRAME.AUTH ? { type: FRAME.WELCOME, data: Buffer.from(welcome('client')) } : came),
      'AUTH_REQUIRED',
    ],
    [
      'passes for an original',
      (came, way) => (way === 'up' && came.type === FRAME.CONN ? { ...came, data: Buffer.alloc(0) } : came),
      'AUTH_REQUIRED',
    ],
  ])('who %s: nobody gets in', async (_what, change, code) => {
    const { clock, server } = await serve({ token: TOKEN })
    const between = new Middleman(change)
    const accepted = failureOf(server.accept(between.there))
    const connecting = failureOf(connect(between.here, { token: TOKEN, env: clock }))
    expect(await clock.pass(accepted)).toEqual(coded(code))
    expect(await clock.pass(connecting)).toBeInstanceOf(Error)
    between.cut()
  })

  test('who only listens learns nothing that lets anybody in: a recorded AUTH is wrong on any other connection', async () => {
    const { clock, server } = await serve({ token: TOKEN })
    const between = new Middleman()
    void server.accept(between.there)
    const client = await clock.pass(connect(between.here, { token: TOKEN, id: 'client', env: clock }))
    await client.close()
    const recorded = between.seen.filter(({ way }) => way === 'up')
    expect(recorded.map(({ type }) => type).slice(0, 3)).toEqual([FRAME.CONN, FRAME.AUTH, FRAME.WELCOME])
    const peer = knock(server)
    for (const { type, data } of recorded) peer.send(frame(type, data))
    expect((await clock.pass(peer.untilEnd())).map(codeOf)).toEqual([FRAME.CONN, 'AUTH_FAILED'])
    expect(Buffer.concat(between.seen.map(({ data }) => data)).includes(TOKEN)).toBe(false)
  })
})

/** What a hook was asked. */
type Asked = Omit<AuthApplicant, 'signal'>

describe('authenticate', () => {
  test('says who a client is, by id, address and credentials', async () => {
    await using place = new Place()
    const asked: Asked[] = []
    const server = await place.listen({
      authenticate: async ({ id, address, credentials, certificate }) => {
        asked.push({ id, address, credentials, certificate })
        await rest()
        return { user: (credentials as { user: string }).user, roles: ['worker'] }
      },
    })
    await place.connect({ id: 'w1', credentials: { user: 'ada', password: 'lovelace' } })
    expect(asked).toEqual([
      { id: 'w1', address: 'memory:here', credentials: { user: 'ada', password: 'lovelace' }, certificate: undefined },
    ])
    expect(server.clients[0]?.identity).toEqual({ user: 'ada', roles: ['worker'] })
  })

  const refusals: [string, ServerOptions<string, string>['authenticate']][] = [
    ['returns undefined', () => undefined],
    ['returns null', () => null],
    ['returns false', () => false],
    ['resolves with false', async () => false],
    ['resolves late with false', async () => rest().then(() => false)],
    [
      'throws',
      () => {
        throw new Error('not you')
      },
    ],
    ['rejects', () => Promise.reject(new Error('not you'))],
  ]

  test.each(refusals)('fault 35: that %s refuses: the same answer, at the same time', async (_what, authenticate) => {
    const { clock, server } = await serve({ authenticate: authenticate as () => unknown })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.from('\u0002"secret"')))
    await peer.next()
    await rest()
    clock.advance(99)
    await rest()
    expect(peer.hasEnded).toBe(false)
    clock.advance(1)
    expect((await peer.untilEnd()).map(({ type, data }) => [type, data.toString()])).toEqual([
      [FRAME.ERROR, '{"code":"AUTH_FAILED"}'],
    ])
  })

  test('fault 35: that takes its time to refuse is told at the next tenth of a second', async () => {
    const clock = new Clock()
    const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(resolve, ms))
    const { server } = await serve({ env: clock, authenticate: () => wait(130).then(() => false) })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.from('\u0002"secret"')))
    await clock.pass(peer.untilEnd())
    expect(clock.now()).toBe(200)
  })

  test('is asked about a client without credentials, too: AUTH_REQUIRED where it refuses', async () => {
    await using place = new Place()
    const server = await place.listen({ authenticate: ({ id }) => (id === 'known' ? 'a friend' : false) })
    await place.connect({ id: 'known' })
    expect(server.clients[0]?.identity).toBe('a friend')
    const failure = failureOf(place.connect({ id: 'stranger' }))
    expect(await place.pass(failure)).toEqual(coded('AUTH_REQUIRED', { limit: 'authenticate' }))
  })

  test('beside a token is asked about those alone who know it', async () => {
    await using place = new Place()
    const asked: Asked[] = []
    const server = await place.listen({
      token: TOKEN,
      authenticate: ({ id, address, credentials, certificate }) =>
        asked.push({ id, address, credentials, certificate }),
    })
    expect(await place.pass(failureOf(place.connect({ token: WRONG })))).toEqual(coded('AUTH_FAILED'))
    expect(await place.pass(failureOf(place.connect({ credentials: 'let me in' })))).toEqual(coded('AUTH_FAILED'))
    await place.connect({ token: TOKEN, id: 'w1' })
    expect(asked).toEqual([{ id: 'w1', address: 'memory:here', credentials: undefined, certificate: undefined }])
    expect(server.clients[0]?.identity).toBe(1)
  })

  test('nothing that a client sends meanwhile is taken before it has answered', async () => {
    let answer = (_identity: string): void => {}
    const { server } = await serve({ authenticate: () => new Promise((resolve) => (answer = resolve)) })
    const peer = knock(server)
    const said = welcome('raw', { item: 'msgpack', result: 'msgpack' })
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.from('\u0002{}')), frame(FRAME.WELCOME, said))
    await peer.next()
    await rest()
    expect([peer.frames, server.clients]).toEqual([[], []])
    answer('somebody')
    await rest()
    expect(peer.frames.map(({ type }) => type)).toEqual([FRAME.AUTH, FRAME.WELCOME, FRAME.BATCH])
    expect(server.clients[0]?.identity).toBe('somebody')
  })

  test('P11: that never answers ends with the time of the introduction: its signal fires', async () => {
    let signal: AbortSignal | undefined
    const { clock, server, warnings } = await serve({
      authenticate: (applicant) => {
        signal = applicant.signal
        return new Promise((_, reject) => applicant.signal.addEventListener('abort', reject))
      },
    })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.from('\u0002{}')))
    await rest()
    expect(signal?.aborted).toBe(false)
    const frames = await clock.pass(peer.untilEnd())
    expect([clock.now() >= 5_000, frames.map(codeOf)]).toEqual([true, [FRAME.CONN, 'HANDSHAKE_TIMEOUT']])
    expect([signal?.aborted, warnings]).toEqual([true, ['HANDSHAKE_TIMEOUT']])
  })

  test('its signal fires when the client leaves meanwhile, and nothing comes of its answer', async () => {
    let signal: AbortSignal | undefined
    let answer = (_identity: unknown): void => {}
    const { clock, server, warnings } = await serve({
      authenticate: (applicant) => {
        signal = applicant.signal
        return new Promise((resolve) => (answer = resolve))
      },
    })
    const peer = knock(server)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.from('\u0002{}')))
    await rest()
    peer.cut()
    await rest()
    expect(signal?.aborted).toBe(true)
    answer(false)
    await rest()
    expect([clock.timers, warnings]).toEqual([0, ['CONNECTION_LOST']])
  })
})

describe('credentials', () => {
  test('by a function are asked for each attempt anew', async () => {
    await using place = new Place()
    const seen: unknown[] = []
    const authenticate = ({ credentials }: AuthApplicant): unknown => seen.push(credentials)
    let count = 0
    const server = await place.listen({ authenticate })
    const client = await place.connect({ credentials: async () => `ticket ${(count += 1)}` })
    const again = new Promise((resolve) => client.on('connect', resolve))
    await server.close({ reason: 'restart', timeout: 0 })
    await place.listen({ authenticate })
    await place.pass(again)
    expect([seen.at(0), seen.at(-1)]).toEqual(['ticket 1', `ticket ${count}`])
    expect(count).toBeGreaterThan(1)
  })

  test('by a function that fails are a failed attempt; those that are none fail for good', async () => {
    await using place = new Place()
    await place.listen({ authenticate: () => 'anybody' })
    const refuse = (credentials: unknown): Promise<unknown> => failureOf(place.connect({ credentials }))
    const cause = new Error('the vault is shut')
    expect(await refuse(() => Promise.reject(cause))).toEqual(coded('CONNECT_FAILED', { cause }))
    expect(await refuse({ big: 1n })).toEqual(coded('ENCODE_FAILED'))
    expect(await refuse('x'.repeat(8_192))).toEqual(coded('ENCODE_FAILED', { limit: 'maxHelloBytes', value: 8_194 }))
  })

  const pair = (): { here: ByteDuplex; there: ByteDuplex } => {
    const [here, there] = memoryPair(ELSEWHERE)
    return { here, there }
  }

  test('are not sent where others can read them, unless insecure says so', async () => {
    const { clock, server } = await serve({ authenticate: ({ credentials }) => credentials })
    const attempt = async (
      options: ClientOptions<string, string>,
      server_: Server<string, string>,
    ): Promise<unknown> => {
      const { here, there } = pair()
      server_.accept(there).catch(() => {})
      const connecting = connect(here, { credentials: 'secret', env: clock, ...options })
      connecting.then(
        (client) => closing.push(() => client.close()),
        () => {},
      )
      return clock.pass(failureOf(connecting))
    }
    expect(await attempt({}, server)).toEqual(coded('AUTH_FAILED', { limit: 'insecure' }))
    // Nor are they taken.
    expect(await attempt({ insecure: true }, server)).toEqual(coded('AUTH_FAILED'))
    const { server: careless } = await serve({
      env: clock,
      insecure: true,
      authenticate: ({ credentials }) => credentials,
    })
    expect(await attempt({ insecure: true }, careless)).toBeUndefined()
  })

  test('travel where a connection is encrypted', async () => {
    const { clock, server } = await serve({ authenticate: ({ credentials }) => credentials })
    const { here, there } = pair()
    const security = { encrypted: true }
    void server.accept(Object.assign(there, { security }))
    const client = await connect(Object.assign(here, { security }), { credentials: 'secret', env: clock })
    expect(server.clients[0]?.identity).toBe('secret')
    await clock.pass(client.close())
  })
})

test.each<[string, ServerOptions<string, string>, ClientOptions<string, string>, string | undefined]>([
  ['without a token', { token: TOKEN }, {}, undefined],
  ['with the token', { token: TOKEN }, { token: TOKEN }, undefined],
  ['with a wrong one, which is a mistake', { token: TOKEN }, { token: WRONG }, 'AUTH_FAILED'],
  ['where others are asked about', { authenticate: () => false }, {}, undefined],
])('who is trusted comes in as it likes: %s', async (_what, options, own, code) => {
  const { clock, server } = await serve(options)
  const [here, there] = memoryPair()
  server.accept(there, { trusted: true }).catch(() => {})
  const connecting = connect(here, { env: clock, ...own })
  connecting.then(
    (client) => closing.push(() => clock.pass(client.close())),
    () => {},
  )
  expect(((await clock.pass(failureOf(connecting))) as NetQueueError | undefined)?.code).toBe(code)
})

test('a certificate is who a client is, where no hook says otherwise', async () => {
  const { clock, server } = await serve({ token: TOKEN })
  const [here, there] = memoryPair(ELSEWHERE)
  const certificate = { fingerprint256: 'AB:CD' } as never
  void server.accept(Object.assign(there, { security: { encrypted: true, certificate } }))
  const client = await connect(here, { token: TOKEN, env: clock })
  expect(server.clients[0]?.identity).toBe(certificate)
  await clock.pass(client.close())
})

describe('P10: a server that other machines reach needs no `insecure`', () => {
  test.each([{ token: TOKEN }, { authenticate: () => 'anybody' }])('where it authenticates', async (options) => {
    const server = await listen('tcp://0.0.0.0:0', options)
    expect(server.address).toMatch(/^tcp:\/\/0\.0\.0\.0:/)
    await server.close()
  })
})

test('introduce() of a raw peer is refused by a server with a token', async () => {
  const { server } = await serve({ token: TOKEN })
  await expect(introduce(knock(server))).rejects.toThrow('AUTH_REQUIRED')
})
