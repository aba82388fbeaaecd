import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { connect, listen, tcp, text } from '../src/index.ts'
import type { Limits, NetQueueError, Server, ServerClient } from '../src/index.ts'
import { chaosProxy } from '../src/testing/chaos-proxy.ts'
import { batch } from './support/attackers.ts'
import { handles } from './support/handles.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { Processes } from './support/processes.ts'
import { Authority } from './support/certificates.ts'
import { frame, FRAME, hello, introduce, RawPeer } from './support/raw-peer.ts'
import { bytes, varint } from './support/records.ts'

const sockets = (): number => handles()['TCPSocketWrap'] ?? 0

/** A server over TCP whose time passes when a test says so, and a client that does the work. */
class Besieged implements AsyncDisposable {
  readonly clock = new Clock()
  readonly losses: { id: string; code: string | undefined; unsettled: number }[] = []
  readonly warnings: string[] = []
  server!: Server<string, string>
  good!: Awaited<ReturnType<typeof connect<string, string>>>

  static async open(limits: Partial<Limits> = {}): Promise<Besieged> {
    const besieged = new Besieged()
    await besieged.#open(limits)
    return besieged
  }

  async #open(limits: Partial<Limits>): Promise<void> {
    this.server = await listen<string, string>('tcp://127.0.0.1:0', {
      item: text(),
      result: text(),
      env: this.clock,
      limits,
      chooseDispatch: (free) => free.find(({ id }) => id !== 'good') ?? free[0],
    })
    this.server.on('disconnect', ({ client, error, unsettled }) =>
      this.losses.push({ id: client.id, code: error?.code, unsettled }),
    )
    this.server.on('warning', ({ error }) => this.warnings.push(error.code))
    this.good = await connect<string, string>(this.server.address ?? '', { item: text(), result: text(), id: 'good' })
    void this.good.process((item) => `${item}!`).catch(() => {})
  }

  get there(): ServerClient {
    return this.server.clients.find(({ id }) => id === 'good') as ServerClient
  }

  /** Peers that the server has accepted, so that their time runs. */
  async peers(count: number): Promise<RawPeer[]> {
    const open = sockets()
    const peers = await Promise.all(Array.from({ length: count }, () => RawPeer.dial(this.server.address)))
    await until(() => sockets() === open + 2 * count)
    return peers
  }

  /** Lets time pass, in steps in which something happens, and the good client is still served. */
  async pass(steps: number, stepMs: number, step: () => void = () => {}): Promise<void> {
    for (let index = 0; index < steps; index += 1) {
      step()
      assert.equal(await this.server.submit('still', { to: this.there }), 'still!')
      await rest()
      this.clock.advance(stepMs)
    }
    await rest()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.server.close({ timeout: 0 })
    for (let rounds = 0; rounds < 10; rounds += 1) {
      await rest()
      this.clock.advance(1_000)
    }
    await closing
    await this.good.closed
    assert.equal(this.clock.timers, 0, 'Expected no timer to remain')
  }
}

describe('fault 9: many who never finish', () => {
  const COUNT = 500

  test('their introduction are told so when its time is up, byte after byte or not', async () => {
    // So that none of them waits for its turn.
    await using besieged = await Besieged.open({ maxHandshakes: COUNT, maxHandshakesPerAddress: COUNT })
    const peers = await besieged.peers(COUNT)
    const introduction = Buffer.from(frame(FRAME.CONN, hello('slow')), 'hex')
    let at = 0
    await besieged.pass(10, 499, () => {
      for (const peer of peers) peer.send(introduction.subarray(at, at + 1))
      at += 1
    })
    expect(besieged.warnings).toEqual([])
    besieged.clock.advance(200)
    const ends = await Promise.all(peers.map((peer) => peer.next()))
    for (const { type, data } of ends) {
      expect([type, JSON.parse(Buffer.from(data).toString())]).toMatchObject([
        FRAME.ERROR,
        { code: 'HANDSHAKE_TIMEOUT' },
      ])
    }
    for (const peer of peers) peer.cut()
    expect(besieged.warnings).toEqual(Array.from({ length: COUNT }, () => 'HANDSHAKE_TIMEOUT'))
  })

  test.each([
    ['FRAME_TIMEOUT', { heartbeatMs: 0 }],
    ['CONNECTION_LOST', { frameTimeoutMs: 0 }],
  ])('a frame are cut as %s, with the limits %j', async (code, limits) => {
    await using besieged = await Besieged.open(limits)
    const peers = await besieged.peers(COUNT)
    for (const [index, peer] of peers.entries()) await introduce(peer, `slow-${index}`)
    for (const peer of peers) peer.send('00001000', '0013')
    await besieged.pass(29, 1_000, () => {
      for (const peer of peers) peer.send(Buffer.of(12))
    })
    expect(besieged.losses).toEqual([])
    await besieged.pass(6, 1_000)
    await Promise.all(peers.map((peer) => peer.untilEnd()))
    expect(besieged.losses.length).toBe(COUNT)
    expect(new Set(besieged.losses.map((loss) => loss.code))).toEqual(new Set([code]))
  })
})

test('fault 10: a peer that never reads is cut as SLOW_PEER, however much it says; its items go to others', async () => {
  await using besieged = await Besieged.open()
  const { server } = besieged
  const [peer] = (await besieged.peers(1)) as [RawPeer]
  await introduce(peer, 'slow')
  peer.pause()
  peer.send(batch(bytes(2, varint(1_000), varint(2 ** 30), varint(0), varint(0)))) // credit
  await until(() => server.clients.some(({ id, credit }) => id === 'slow' && credit > 0))
  const long = 'x'.repeat(32_000)
  const results = Array.from({ length: 500 }, () => server.submit(long))
  await until(() => (server.clients.find(({ id }) => id === 'slow')?.inFlight ?? 0) === 500)
  await besieged.pass(28, 1_000, () => peer.send(batch(bytes(12, varint(1)))))
  expect(besieged.losses).toEqual([])
  await besieged.pass(6, 1_000, () => peer.send(batch(bytes(12, varint(1)))))
  expect(besieged.losses).toEqual([{ id: 'slow', code: 'SLOW_PEER', unsettled: 500 }])
  expect(new Set(await Promise.all(results))).toEqual(new Set([`${long}!`]))
  peer.cut()
})

test('P9: an original is not lost because it neither says nor reads anything: that is how it works', async () => {
  await using besieged = await Besieged.open()
  const [peer] = (await besieged.peers(1)) as [RawPeer]
  peer.send(frame(FRAME.CONN))
  await peer.next()
  peer.pause()
  const original = besieged.server.clients.find(({ protocol }) => protocol === 'net-queue') as ServerClient
  const puts = Array.from({ length: 200 }, () =>
    besieged.server.put('x'.repeat(90_000), { to: original }).catch(() => {}),
  )
  await besieged.pass(30, 4_000)
  expect([besieged.losses, original.isConnected, original.inFlight]).toEqual([[], true, 1])
  peer.cut()
  await Promise.all(puts)
})

describe('fault 31: a connection that is half open', () => {
  test.each([
    ['nothing of what the client sends arrives', 'up'],
    ['nothing of what the server sends arrives', 'down'],
    ['nothing arrives', 'both'],
  ] as const)('where %s, both ends notice within two heartbeats', async (_, way) => {
    await using besieged = await Besieged.open()
    const { server, clock, losses } = besieged
    await using proxy = await chaosProxy({ to: server.address ?? '' })
    const client = await connect<string, string>(await tcp().connect(proxy.address), {
      item: text(),
      result: text(),
      id: 'far',
      env: clock,
    })
    void client.process(() => new Promise<string>(() => {})).catch(() => {})
    await until(() => server.clients.some(({ id, credit }) => id === 'far' && credit > 0))
    const result = server.submit('work')
    await until(() => server.clients.some(({ id, inFlight }) => id === 'far' && inFlight === 1))

    await besieged.pass(20, 1_000)
    expect(losses).toEqual([])
    if (way === 'both') proxy.blackhole()
    else proxy.halfOpen(way)
    await besieged.pass(29, 1_000)
    expect(losses).toEqual([])
    await besieged.pass(20, 1_000)
    expect(losses).toEqual([{ id: 'far', code: 'CONNECTION_LOST', unsettled: 1 }])
    expect(await result).toBe('work!')
    expect((await client.closed).error?.code).toBe('CONNECTION_LOST')
  })
})

/** Waits for what other processes bring about, however long they take to start. */
async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('fault 11: one of four worker processes stands still: the others get its items, and what it says later counts for nothing', async () => {
  await using workers = await Processes.of(`
    const client = await netqueue.connect(process.argv[2], { id: process.argv[3], prefetch: 16, reconnect: false })
    void client.closed.then(({ error }) => say(error?.code ?? 'goodbye'))
    await client.process(async (item) => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      return item * 2
    }).catch(() => {})
  `)
  const server = await listen<number, number>('tcp://127.0.0.1:0', { limits: { heartbeatMs: 400 } })
  const lost = new Promise<{ id: string; code: string | undefined; unsettled: number }>((resolve) => {
    server.on('disconnect', ({ client, error, unsettled }) => resolve({ id: client.id, code: error?.code, unsettled }))
  })
  const stale: string[] = []
  server.on('warning', ({ error }) => stale.push(error.code))
  const started = ['one', 'two', 'three', 'four'].map((id) => workers.start({ args: [server.address ?? '', id] }))
  await eventually(() => server.clients.length === 4)

  const numbers = Array.from({ length: 2_000 }, (_, index) => index)
  const results = Promise.all(numbers.map((number) => server.submit(number)))
  await eventually(() => server.clients.every(({ inFlight }) => inFlight > 0))
  started[1]?.signal('SIGSTOP')
  const { id, code, unsettled } = await lost
  expect([id, code]).toEqual(['two', 'CONNECTION_LOST'])
  expect(unsettled).toBeGreaterThan(0)
  expect(await results).toEqual(numbers.map((number) => number * 2))

  started[1]?.signal('SIGCONT')
  expect(await started[1]?.next()).toBe('CONNECTION_LOST')
  expect(await server.close()).toEqual({ undone: [] })
  for (const index of [0, 2, 3]) expect(await started[index]?.next()).toBe('goodbye')
})

test('fault 41: a server that stands still for 3 s with heartbeats of 1 s takes none of 200 clients for lost, and says that it did', async () => {
  await using processes = await Processes.of(`
    const clients = await Promise.all(Array.from({ length: 200 }, () =>
      netqueue.connect(process.argv[2], { reconnect: false, limits: { heartbeatMs: 4000 } })))
    let lost = 0
    for (const client of clients) void client.closed.then(() => (lost += 1))
    say('here')
    process.on('SIGUSR2', () => say(lost))
  `)
  const server = await listen('tcp://127.0.0.1:0', { limits: { heartbeatMs: 1_000 } })
  const warnings: NetQueueError[] = []
  let left = 0
  server.on('warning', ({ error }) => warnings.push(error))
  server.on('disconnect', () => (left += 1))
  const clients = processes.start({ args: [server.address ?? ''] })
  expect(await clients.next()).toBe('here')

  const end = performance.now() + 3_000
  while (performance.now() < end);
  await new Promise((resolve) => {
    server.on('warning', resolve)
  })
  for (const client of server.clients) expect(client.isConnected).toBe(true)
  expect(server.clients.length).toBe(200)
  clients.signal('SIGUSR2')
  expect([await clients.next(), left]).toEqual([0, 0])
  expect(warnings.map(({ code }) => code)).toEqual(['STALLED'])
  expect(warnings[0]?.value).toBeGreaterThan(2_000)
  await server.close()
})

test.each(['tcp', 'tls'])(
  'fault 33: a server at %s without descriptors turns connections away at once, does not spin, and takes connections when it has some',
  async (scheme) => {
    const authority = await Authority.found()
    const { ca } = authority
    await using processes = await Processes.of(`
    const [address, tls] = process.argv.slice(2)
    const server = await netqueue.listen(address, address.startsWith('tls') ? { tls: JSON.parse(tls) } : {})
    say(server.address)
    process.on('SIGUSR2', () => {
      const { user, system } = process.cpuUsage()
      say((user + system) / 1000)
    })
  `)
    const args = [`${scheme}://127.0.0.1:0`, JSON.stringify(await authority.issue())]
    const server = processes.start({ args, descriptors: 64 })
    const cpuMs = async (): Promise<number> => {
      server.signal('SIGUSR2')
      return (await server.next()) as number
    }
    const address = (await server.next()) as string
    const dial = (): Promise<RawPeer> => RawPeer.dial(address.replace('tls:', 'tcp:'))
    const peers = await Promise.all(Array.from({ length: 200 }, dial))
    await eventually(() => peers.filter(({ hasEnded }) => hasEnded).length > 100)
    const late = await dial()
    await late.untilEnd()
    const [cpu, at] = [await cpuMs(), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 300)) // a process that spins uses all of it
    expect((await cpuMs()) - cpu).toBeLessThan((performance.now() - at) / 2)
    for (const peer of peers) peer.cut()
    await using client = await connect(address, scheme === 'tls' ? { tls: { ca } } : {})
    expect(client.state).toBe('connected')
  },
)

test('fault 40: nothing asks for the time of day, which may jump: deadlines and heartbeats go by the clock of the host, which only goes forward', () => {
  const src = join(import.meta.dirname, '../src')
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => /(?<!\.test)\.ts$/.test(path))
  const asking = paths.filter((path) => /\bDate\b(?!`)/.test(readFileSync(join(src, path), 'utf8')))
  expect(paths.length).toBeGreaterThan(100)
  expect(asking).toEqual([])
})
