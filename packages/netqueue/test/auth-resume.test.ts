import assert from 'node:assert/strict'

import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen, memoryPair } from '../src/index.ts'
import type { Action, ByteDuplex, Client, ClientOptions, Server, ServerOptions, Transport } from '../src/index.ts'
import { Clock, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

const TOKEN = 'a token that nobody else knows'
const ADDRESS = 'memory:cut'

/** A server that keeps sessions, and the ways to it, which can be cut. */
class Stage {
  readonly clock = new Clock()
  readonly server: Server<string, string>
  readonly events: string[] = []
  readonly #ways: ByteDuplex[] = []
  readonly #clients: Client<string, string>[] = []

  private constructor(clock: Clock, server: Server<string, string>) {
    this.clock = clock
    this.server = server
    for (const event of ['connect', 'suspend', 'resume', 'disconnect'] as const)
      server.on(event, ({ client }) => this.events.push(`${event} ${String(client.identity)}`))
    server.on('warning', ({ error }) => this.events.push(error.code))
  }

  static async open(options: ServerOptions<string, string>): Promise<Stage> {
    const clock = new Clock()
    return new Stage(
      clock,
      await listen<string, string>(undefined, { env: clock, resumeTimeoutMs: 60_000, ...options }),
    )
  }

  async connect(options: ClientOptions<string, string>): Promise<Client<string, string>> {
    const transport: Transport = {
      form: ADDRESS,
      accepts: () => true,
      exposed: () => false,
      listen: () => Promise.reject(new Error('nobody listens there')),
      connect: async () => {
        const [here, there] = memoryPair()
        this.#ways.push(here)
        this.server.accept(there).catch(() => {})
        return here
      },
    }
    const shared = { env: this.clock, transports: [transport], ...options }
    const client = await connect<string, string>(ADDRESS, shared)
    this.#clients.push(client)
    // The server keeps the sessions of those alone that have acknowledged something.
    await rest()
    return client
  }

  /** Cuts the newest way. */
  async cut(): Promise<void> {
    this.#ways.at(-1)?.abort?.(new Error('the cable was pulled'))
    await rest()
  }

  /** Until a client is looked for, and until it is there or not. */
  async wait(ms: number): Promise<void> {
    this.clock.advance(ms)
    await rest()
  }

  async close(): Promise<void> {
    await this.clock.pass(Promise.all(this.#clients.map((client) => client.close({ timeout: 0 }))))
    await this.clock.pass(this.server.close({ timeout: 0 }))
    assert.equal(this.clock.timers, 0, 'Expected no timer to remain')
  }
}

let stage: Stage | undefined

afterEach(async () => {
  await stage?.close()
  stage = undefined
})

async function staged(options: ServerOptions<string, string>): Promise<Stage> {
  stage = await Stage.open(options)
  return stage
}

describe('P2: a client that comes again shows anew who it is', () => {
  test.each<[string, ServerOptions<string, string>, ClientOptions<string, string>, string]>([
    ['by its token', { token: TOKEN }, { token: TOKEN }, 'undefined'],
    [
      'by its credentials',
      { authenticate: ({ credentials }) => credentials },
      { credentials: () => Promise.resolve('ada') },
      'ada',
    ],
  ])('%s, and goes on with its session', async (_how, options, own, identity) => {
    const at = await staged(options)
    const client = await at.connect({ id: 'w1', ...own })
    const working = failureOf(client.process((item) => `${item}!`))
    await at.cut()
    const result = at.server.submit('work')
    await at.wait(100)
    expect(await result).toBe('work!')
    expect(at.events).toEqual([`connect ${identity}`, `suspend ${identity}`, `resume ${identity}`])
    void working
  })

  test.each([
    ['is another one', () => 'bob', 'ID_IN_USE'],
    ['is nobody', () => undefined, 'AUTH_FAILED'],
  ])('one that %s by then does not get the session, whatever it knows of it', async (_what, second, code) => {
    let who = (): unknown => 'ada'
    const at = await staged({ authenticate: () => who() })
    const client = await at.connect({ id: 'w1', credentials: 'anything' })
    void failureOf(client.process(() => 'done'))
    await at.cut()
    who = second
    await at.wait(100)
    await at.wait(100)
    expect([...new Set(at.events)]).toEqual(['connect ada', 'suspend ada', code])
    expect(at.server.clients.map(({ isAway, identity }) => [isAway, identity])).toEqual([[true, 'ada']])
  })

  test.each<[string, () => unknown, () => unknown, boolean]>([
    [
      'equal plain data',
      () => ({ user: 'ada', roles: ['a', { b: 1 }] }),
      () => ({ roles: ['a', { b: 1 }], user: 'ada' }),
      true,
    ],
    ['other plain data', () => ({ user: 'ada', roles: ['a'] }), () => ({ user: 'ada', roles: ['b'] }), false],
    ['more', () => ({ user: 'ada' }), () => ({ user: 'ada', admin: true }), false],
    ['less', () => ({ user: 'ada', admin: true }), () => ({ user: 'ada' }), false],
    ['bytes', () => Uint8Array.of(1, 2), () => Uint8Array.of(1, 2), true],
    ['other bytes', () => Uint8Array.of(1, 2), () => Uint8Array.of(1, 3), false],
    ['objects of a class, which may hide what they are', () => new Date(0), () => new Date(1), false],
    [
      'a certificate with the same fingerprint',
      () => ({ fingerprint256: 'AB', raw: 1 }),
      () => ({ fingerprint256: 'AB', raw: 2 }),
      true,
    ],
    ['a certificate with another one', () => ({ fingerprint256: 'AB' }), () => ({ fingerprint256: 'AC' }), false],
    ['an object with a ring in it', ring, ring, false],
  ])('identities are compared by what they hold: %s', async (_what, first, second, isSame) => {
    const identities = [first(), second()]
    const at = await staged({ authenticate: () => identities.shift() ?? 'nobody' })
    await at.connect({ id: 'w1', credentials: 'anything' })
    await at.cut()
    await at.wait(100)
    expect(at.server.clients[0]?.isConnected).toBe(isSame)
  })

  test('a session that is over is no way to the id of somebody else, either', async () => {
    let who = 'ada'
    const at = await staged({ authenticate: () => who, resumeTimeoutMs: 0 })
    const own = { id: 'w1', credentials: 'anything', reconnect: false } as const
    await at.connect(own)
    who = 'bob'
    expect(await failureOf(at.connect(own))).toMatchObject({ code: 'ID_IN_USE' })
    expect(at.server.clients.map(({ identity }) => identity)).toEqual(['ada'])
  })
})

function ring(): unknown {
  const one: Record<string, unknown> = {}
  one['one'] = one
  return one
}

test('what a session may do is asked once, and holds when its client comes back', async () => {
  const asked: Action[] = []
  const authorize = (_client: unknown, action: Action): boolean => asked.push(action) > 0 && action !== 'put'
  const at = await staged({ authorize })
  const client = await at.connect({ id: 'w1' })
  await at.cut()
  await at.wait(100)
  expect(at.events).toEqual(['connect undefined', 'suspend undefined', 'resume undefined'])
  expect(asked).toEqual(['put', 'submit', 'subscribe'])
  expect(await failureOf(client.put('x'))).toMatchObject({ code: 'NOT_AUTHORIZED' })
})
