import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, memoryPair } from '../src/index.ts'
import type { Client, NetQueueError, Server, ServerOptions } from '../src/index.ts'
import { Clock, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer } from './support/raw-peer.ts'
import type { RawFrame } from './support/raw-peer.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const TOKEN = 'a token that nobody else knows'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Stage {
  clock: Clock
  server: Server<string, string>
  warnings: NetQueueError[]
  /** A client that knows the token comes from somewhere. */
  join: (address: string) => Promise<Client<string, string>>
  /** Tries a wrong token; the frames that come back. */
  guess: (address: string) => Promise<RawFrame[]>
}

async function staged(options: ServerOptions<string, string> = {}): Promise<Stage> {
  const clock = new Clock()
  const server = await listen<string, string>(undefined, { env: clock, token: TOKEN, ...options })
  const warnings: NetQueueError[] = []
  server.on('warning', ({ error }) => warnings.push(error))
  const clients: Client<string, string>[] = []
  closing.push(async () => {
    await clock.pass(Promise.all(clients.map((client) => client.close())))
    await clock.pass(server.close({ timeout: 0 }))
    expect(clock.timers).toBe(0)
  })
  const guess = async (address: string): Promise<RawFrame[]> => {
    const [here, there] = memoryPair(address)
    const peer = new RawPeer(here)
    peer.send(frame(FRAME.CONN, hello('guesser')), frame(FRAME.AUTH, Buffer.alloc(33, 1)))
    server.accept(there).catch(() => {})
    const frames = await peer.untilEnd()
    peer.cut()
    return frames
  }
  const join = async (address: string): Promise<Client<string, string>> => {
    const [here, there] = memoryPair(address)
    server.accept(there).catch(() => {})
    const client = await connect<string, string>(here, { token: TOKEN, env: clock })
    clients.push(client)
    return client
  }
  return { clock, server, warnings, join, guess }
}

/** What somebody was told in the end: a HELLO, and an error or nothing. */
const answer = (frames: RawFrame[]): string =>
  frames.map(({ type, data }) => (type === FRAME.CONN ? 'HELLO' : data.toString())).join(', ') || 'nothing'
const REFUSED = 'HELLO, {"code":"AUTH_FAILED"}'

describe('fault 35: 10,000 wrong tokens', () => {
  test('from one address: ten are answered, the others are cut at once, until the minute is over; nobody else notices', async () => {
    const { clock, server, warnings, join, guess } = await staged()
    const [bad, good] = ['tcp://192.0.2.1:1000', 'tcp://192.0.2.2:1000']
    const outcomes = new Map<string, number>()
    for (let count = 0; count < 10_000; count += 1) {
      const told = answer(await clock.pass(guess(bad)))
      outcomes.set(told, (outcomes.get(told) ?? 0) + 1)
      if (count % 2_500 === 2_499) await join(good)
    }
    expect([...outcomes]).toEqual([
      [REFUSED, 10],
      ['nothing', 9_990],
    ])
    expect([clock.now(), server.clients.length]).toEqual([1_000, 4])
    // One for each that was answered, and one that tells of those that follow.
    expect(warnings.map(({ code, limit }) => `${code} ${limit ?? ''}`).toSorted()).toEqual([
      ...Array.from({ length: 10 }, () => 'AUTH_FAILED '),
      'AUTH_FAILED maxAuthFailures',
    ])
    // Whoever knows the token is kept out, too, for as long.
    expect(await failureOf(join(bad))).toMatchObject({ code: 'CONNECT_FAILED' })
    clock.advance(60_000)
    await rest()
    expect((await join(bad)).state).toBe('connected')
  })

  const ADDRESSES = 10_000

  test(`from as many addresses: each gets the same answer, 100 ms later, and meanwhile whoever knows the token does not wait`, async () => {
    const { clock, server, join, guess } = await staged()
    const wave = 50
    for (let first = 0; first < ADDRESSES; first += wave) {
      const began = clock.now()
      const guesses = Array.from({ length: wave }, (_, n) =>
        guess(`tcp://10.0.${(first + n) >> 8}.${(first + n) & 255}:1`),
      )
      await rest()
      if (first % (ADDRESSES / 4) === 0) await join('tcp://192.0.2.2:1000')
      expect(clock.now()).toBe(began)
      for (const frames of await clock.pass(Promise.all(guesses))) expect(answer(frames)).toBe(REFUSED)
      expect(clock.now()).toBe(began + 100)
    }
    expect(server.clients.length).toBe(4)
  }, 120_000)

  const OVER_TCP = IS_LONG ? 10_000 : 100

  test(`${OVER_TCP} of them over TCP, 50 at a time, end soon, and a client that is there works on`, async () => {
    const server = await listen<string, string>('tcp://127.0.0.1:0', { token: TOKEN })
    closing.push(() => server.close({ timeout: 0 }))
    const client = await connect<string, string>(server.address as string, { token: TOKEN })
    closing.push(() => client.close())
    void client.process((item) => item).catch(() => {})
    let left = OVER_TCP
    const guesser = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        const peer = await RawPeer.dial(server.address)
        peer.send(frame(FRAME.CONN, hello('guesser')), frame(FRAME.AUTH, Buffer.alloc(33, 1)))
        await peer.untilEnd()
        peer.cut()
      }
    }
    const began = performance.now()
    let slowest = 0
    const guessers = Promise.all(Array.from({ length: 50 }, guesser))
    for (const isOver = (): boolean => left <= 0; !isOver();) {
      const asked = performance.now()
      expect(await server.submit('work')).toBe('work')
      slowest = Math.max(slowest, performance.now() - asked)
    }
    await guessers
    if (IS_LONG)
      console.log(
        `${OVER_TCP} wrong tokens in ${Math.round(performance.now() - began)} ms; slowest result ${Math.round(slowest)} ms`,
      )
    expect(server.clients.length).toBe(1)
  }, 300_000)
})

/** Every form in which a secret could show. */
const formsOf = (secret: string): string[] => {
  const bytes = Buffer.from(secret)
  return [
    secret,
    bytes.toString('hex'),
    bytes.toString('base64'),
    [...bytes].join(', '),
    JSON.stringify(secret).slice(1, -1),
  ]
}

describe('no secret shows in what is printed, thrown, warned of or logged', () => {
  const PASSWORD = 'a password: correct horse'

  test('of servers, clients, their options inside, errors, warnings and logs', async () => {
    const printed: string[] = []
    const note = (...values: unknown[]): void => {
      for (const value of values) {
        printed.push(
          inspect(value, {
            depth: Number.POSITIVE_INFINITY,
            showHidden: true,
            maxArrayLength: null,
            maxStringLength: null,
          }),
        )
        try {
          printed.push(JSON.stringify(value) ?? '')
        } catch {
          // It holds itself: whoever tries gets no more than that.
        }
      }
    }
    const logger = { debug: note, info: note, warn: note }
    const clock = new Clock()
    const shared = { env: clock, logger }
    const byToken = await listen<string, string>(undefined, {
      ...shared,
      token: [TOKEN, `${TOKEN}, the old one`],
      resumeTimeoutMs: 1_000,
    })
    const byHook = await listen<string, string>(undefined, {
      ...shared,
      authenticate: ({ credentials, id }) => {
        if (id === 'thrown') throw new TypeError('not you')
        return (credentials as { password: string }).password === PASSWORD
      },
    })
    for (const server of [byToken, byHook]) server.on('warning', note)
    const secrets: string[] = []
    const attempt = async (server: Server<string, string>, own: object): Promise<void> => {
      const [here, there] = memoryPair()
      const accepted = server.accept(there)
      accepted.then(note, note)
      const connecting = connect<string, string>(here, { ...shared, ...own })
      connecting.then((client) => {
        note(client, client.servers)
        client.on('warning', note)
        closing.push(() => client.close())
      }, note)
      await clock.pass(failureOf(connecting))
      await clock.pass(failureOf(accepted))
      secrets.push(...formsOf(PASSWORD), ...formsOf(TOKEN))
    }
    await attempt(byToken, { token: TOKEN })
    await attempt(byToken, { token: `${TOKEN}, a wrong one` })
    await attempt(byToken, { credentials: { password: PASSWORD } })
    await attempt(byToken, {})
    await attempt(byHook, { credentials: { password: PASSWORD } })
    await attempt(byHook, { credentials: { password: `${PASSWORD}, a wrong one` } })
    await attempt(byHook, { credentials: { password: PASSWORD }, id: 'thrown' })
    await attempt(byHook, { token: TOKEN })
    await attempt(byHook, { credentials: { password: PASSWORD, ring: 1n } })
    await attempt(byHook, { credentials: PASSWORD.repeat(1_000) })
    // What is no JSON is not quoted.
    const { peer, duplex } = RawPeer.inMemory()
    byHook.accept(duplex).catch(note)
    peer.send(frame(FRAME.CONN, hello('raw')), frame(FRAME.AUTH, Buffer.from(`\u0002{${PASSWORD}`)))
    await peer.untilEnd()
    for (const wrong of [{ token: [TOKEN, TOKEN.slice(0, 15)] }, { token: TOKEN.slice(0, 15) }])
      note(await failureOf(listen(undefined, wrong)))
    note(byToken, byHook, byToken.clients, byHook.clients, process.title)
    closing.push(() => clock.pass(Promise.all([byToken.close({ timeout: 0 }), byHook.close({ timeout: 0 })])))
    const all = printed.join('\n')
    expect(all.length).toBeGreaterThan(10_000)
    expect(secrets.filter((secret) => all.includes(secret))).toEqual([])
    expect(all).not.toContain(TOKEN.slice(0, 15))
  })

  test('nor does the secret by which a client comes again', async () => {
    const { clock, server, join } = await staged({ resumeTimeoutMs: 60_000 })
    const taken: string[] = []
    const [here, there] = memoryPair()
    const peer = new RawPeer(here)
    const open = await listen<string, string>(undefined, { env: clock, resumeTimeoutMs: 60_000 })
    closing.push(() => clock.pass(open.close({ timeout: 0 })))
    void open.accept(there)
    peer.send(frame(FRAME.CONN, hello('raw')))
    await peer.next()
    const said = {
      version: 1,
      id: 'raw',
      item: 'msgpack',
      result: 'msgpack',
      limits: { frameBytes: 65_536, itemBytes: 1, unsettled: 1 },
    }
    peer.send(frame(FRAME.WELCOME, JSON.stringify(said)))
    const { secret } = JSON.parse((await peer.next()).data.toString()) as { secret: string }
    const client = await join('memory:here')
    for (const value of [open, open.clients, server, server.clients, client, client.servers])
      taken.push(inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true }), inspect(value))
    expect(taken.join('\n')).not.toContain(secret)
    // Base64 of 32 bytes, whoever's.
    expect(taken.join('\n')).not.toMatch(/[A-Za-z0-9+/]{43}=/)
    peer.cut()
  })
})
