import assert from 'node:assert/strict'

import { afterEach, describe, expect, test } from 'vitest'

import { listen, text } from '../src/index.ts'
import type { NetQueueError, Server } from '../src/index.ts'
import { prove } from '../src/protocol/net-queue/proof.ts'
import { Clock, rest, until } from './support/nodes.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'
import type { RawFrame } from './support/raw-peer.ts'
import { ReturningClient } from './support/returning-client.ts'

interface Ticket {
  session: string
  secret: string
}

type Fields = Record<string, unknown>

/** What a client says of the session that it had; what it leaves out is as it should be. */
interface Coming {
  id?: string
  batches?: number
  session?: string
  proof?: string
  more?: Fields
}

/** A server that keeps sessions for a minute, and clients that are played by hand. */
class Stage {
  readonly clock = new Clock()
  readonly events: string[] = []
  readonly warnings: string[] = []
  readonly server: Server<string, string>
  readonly #peers: RawPeer[] = []

  private constructor(server: Server<string, string>, clock: Clock) {
    this.server = server
    this.clock = clock
    server.on('connect', () => this.events.push('connect'))
    server.on('suspend', () => this.events.push('suspend'))
    server.on('resume', () => this.events.push('resume'))
    server.on('disconnect', ({ error }: { error?: NetQueueError }) => {
      this.events.push(`disconnect ${error?.code ?? 'goodbye'}`)
    })
    server.on('warning', ({ error }) => this.warnings.push(error.code))
  }

  static async open({ resumeTimeoutMs = 60_000, maxReplayBytes = 4_194_304 } = {}): Promise<Stage> {
    const clock = new Clock()
    const options = { item: text(), result: text(), env: clock, resumeTimeoutMs, limits: { maxReplayBytes } }
    return new Stage(await listen<string, string>(undefined, options), clock)
  }

  /** A connection on which both have said HELLO; with the data of both CONNs. */
  async greet(id = 'raw'): Promise<{ peer: RawPeer; client: Uint8Array; server: Uint8Array }> {
    const { peer, duplex } = RawPeer.inMemory()
    this.#peers.push(peer)
    this.server.accept(duplex).catch(() => {})
    peer.send(frame(FRAME.CONN, hello(id)))
    const { data } = await peer.next()
    return { peer, client: hello(id), server: data }
  }

  /** A client that is new. */
  async connect(more: Fields = {}): Promise<{ peer: RawPeer; said: Fields & Ticket }> {
    const { peer } = await this.greet()
    peer.send(frame(FRAME.WELCOME, welcome('raw', more)))
    return { peer, said: fieldsOf(await peer.next()) as Fields & Ticket }
  }

  /** A client that comes again; gives what the server answers first. */
  async comeBack(ticket: Ticket, coming: Coming = {}): Promise<{ peer: RawPeer; answer: RawFrame; hex: string }> {
    const { id = 'raw', batches = 0, session = ticket.session, more = {} } = coming
    const { peer, ...transcript } = await this.greet(id)
    const resume = { session, proof: coming.proof ?? prove(ticket.secret, transcript), batches }
    const hex = frame(FRAME.WELCOME, welcome(id, { resume, ...more }))
    peer.send(hex)
    return { peer, answer: await peer.next(), hex }
  }

  async close(): Promise<void> {
    for (const peer of this.#peers) peer.cut()
    const closed = this.server.close({ timeout: 0 })
    await rest()
    this.clock.advance(5_000)
    await closed
    assert.equal(this.clock.timers, 0, 'Expected no timer to remain')
  }
}

const fieldsOf = ({ data }: RawFrame): Fields => JSON.parse(data.toString()) as Fields
const codeOf = (answer: RawFrame): unknown => (answer.type === FRAME.ERROR ? fieldsOf(answer)['code'] : answer.type)
const ACK = (batches: number): string => frame(FRAME.ACK, Buffer.of(batches))
/** Credit for so many items of 100 bytes. */
const CREDIT = (items: number): string => frame(FRAME.BATCH, Buffer.of(2, items, 100, 0, 0))
const PING = frame(FRAME.BATCH, Buffer.of(12, 1))
const types = (peer: RawPeer): number[] => peer.frames.map(({ type }) => type)
const batches = (peer: RawPeer): string[] =>
  peer.frames.filter(({ type }) => type === FRAME.BATCH).map(({ data }) => data.toString('hex'))

let stage: Stage | undefined

afterEach(async () => {
  await stage?.close()
  stage = undefined
})

async function staged(options?: { resumeTimeoutMs?: number; maxReplayBytes?: number }): Promise<Stage> {
  stage = await Stage.open(options)
  return stage
}

/** A client that has said ACK and was lost, with the ticket that it has, and what it got before. */
async function lost(at: Stage): Promise<{ ticket: Ticket; got: string[] }> {
  const { peer, said } = await at.connect()
  peer.send(ACK(0), CREDIT(5))
  await rest()
  for (const item of ['a', 'b']) await at.server.put(item)
  await rest()
  const got = batches(peer)
  peer.cut()
  await until(() => at.events.includes('suspend'))
  return { ticket: said, got }
}

describe('a server without resumeTimeoutMs', () => {
  test('says what it ever said, and a secret: no ACK, whatever comes', async () => {
    const at = await staged({ resumeTimeoutMs: 0 })
    const { peer, said } = await at.connect()
    expect(Object.keys(said)).toEqual(['version', 'id', 'item', 'result', 'limits', 'session', 'you', 'secret'])
    expect(Buffer.from(said.secret, 'base64')).toHaveLength(32)
    for (let count = 0; count < 100; count += 1) peer.send(PING)
    await rest()
    at.clock.advance(1_000)
    await rest()
    expect(new Set(types(peer))).toEqual(new Set([FRAME.BATCH]))
  })

  test('gives each connection another secret, and another session', async () => {
    const at = await staged({ resumeTimeoutMs: 0 })
    const { peer, said } = await at.connect()
    peer.cut()
    await rest()
    const { said: again } = await at.connect()
    expect(again.secret).not.toBe(said.secret)
    expect(again.session).not.toBe(said.session)
  })
})

describe('a client that does without', () => {
  test('hears no ACK, and is gone when it is lost: its id is free at once', async () => {
    const at = await staged()
    const { peer, said } = await at.connect()
    expect(said['resumeMs']).toBe(60_000)
    for (let count = 0; count < 100; count += 1) peer.send(PING)
    await rest()
    at.clock.advance(1_000)
    await rest()
    expect(new Set(types(peer))).toEqual(new Set([FRAME.BATCH]))
    peer.cut()
    await rest()
    expect(at.events).toEqual(['connect', 'disconnect CONNECTION_LOST'])
    await at.connect()
    expect(at.events.at(-1)).toBe('connect')
  })
})

describe('a client that comes back', () => {
  test('hears what it did not hear, byte for byte, and gets a new secret', async () => {
    const at = await staged()
    const { ticket, got } = await lost(at)
    expect(got.length).toBeGreaterThanOrEqual(2)
    const { peer, answer } = await at.comeBack(ticket, { batches: got.length - 1 })
    const said = fieldsOf(answer)
    expect(said).toMatchObject({ session: ticket.session, resumeMs: 60_000, resumed: true, batches: 1 })
    expect(said['secret']).not.toBe(ticket.secret)
    await rest()
    expect(batches(peer)[0]).toBe(got.at(-1))
    expect(at.events).toEqual(['connect', 'suspend', 'resume'])
  })

  test('may come again with the secret before, until it was heard with the new one', async () => {
    const at = await staged()
    const { ticket } = await lost(at)
    const first = await at.comeBack(ticket)
    first.peer.cut()
    await rest()
    const second = await at.comeBack(ticket)
    expect(fieldsOf(second.answer)).toMatchObject({ resumed: true })
    second.peer.send(ACK(0))
    await rest()
    second.peer.cut()
    await rest()
    const third = await at.comeBack(ticket)
    expect(codeOf(third.answer)).toBe('ID_IN_USE')
    const fourth = await at.comeBack(fieldsOf(second.answer) as unknown as Ticket)
    expect(fieldsOf(fourth.answer)).toMatchObject({ resumed: true })
  })

  test('begins anew under another id, and when its session is over', async () => {
    const at = await staged()
    const { ticket } = await lost(at)
    const other = await at.comeBack(ticket, { id: 'other' })
    expect(fieldsOf(other.answer)).toMatchObject({ resumed: false, you: { id: 'other' } })
    at.clock.advance(61_000)
    await rest()
    const late = await at.comeBack(ticket)
    expect(fieldsOf(late.answer)).toMatchObject({ resumed: false, you: { id: 'raw' } })
    expect(fieldsOf(late.answer)['session']).not.toBe(ticket.session)
  })
})

describe('P7, fault 25: whoever wants the session of another', () => {
  test.each([
    [
      'a proof by another secret',
      { proof: prove('A'.repeat(43) + '=', { client: hello('raw'), server: hello('raw') }) },
    ],
    ['the right secret for another session', { session: 'other' }],
  ])('with %s: ID_IN_USE, and the session waits on', async (_what, coming) => {
    const at = await staged()
    const { ticket } = await lost(at)
    const { answer } = await at.comeBack(ticket, coming)
    expect([codeOf(answer), at.events]).toEqual(['ID_IN_USE', ['connect', 'suspend']])
    expect(fieldsOf((await at.comeBack(ticket)).answer)).toMatchObject({ resumed: true })
  })

  test('with a proof that was recorded on another connection: ID_IN_USE', async () => {
    const at = await staged()
    const { ticket } = await lost(at)
    const { hex, peer } = await at.comeBack(ticket)
    peer.cut()
    await rest()
    const replay = await at.greet()
    replay.peer.send(hex)
    expect(codeOf(await replay.peer.next())).toBe('ID_IN_USE')
  })

  test('does not disturb a connection that is alive', async () => {
    const at = await staged()
    const { peer, said } = await at.connect()
    peer.send(ACK(0))
    await rest()
    const { answer } = await at.comeBack(said, { proof: `${'A'.repeat(43)}=` })
    peer.send(PING)
    await rest()
    expect([codeOf(answer), at.events, peer.hasEnded]).toEqual(['ID_IN_USE', ['connect'], false])
  })

  test('with the right proof and another codec: CODEC_MISMATCH, and the session waits on', async () => {
    const at = await staged()
    const { ticket } = await lost(at)
    const { answer, peer } = await at.comeBack(ticket, { more: { item: 'json' } })
    expect(fieldsOf(answer)).toMatchObject({ resumed: false, you: { id: 'raw' } })
    expect(codeOf(await peer.next())).toBe('CODEC_MISMATCH')
    expect(at.events).toEqual(['connect', 'suspend'])
    expect(fieldsOf((await at.comeBack(ticket)).answer)).toMatchObject({ resumed: true })
  })
})

describe('P7: numbers that cannot be', () => {
  test('more batches than were sent: BAD_MESSAGE, and the session is over', async () => {
    const at = await staged()
    const { ticket, got } = await lost(at)
    const { answer } = await at.comeBack(ticket, { batches: got.length + 1 })
    expect([codeOf(answer), at.events.at(-1)]).toEqual(['BAD_MESSAGE', 'disconnect BAD_MESSAGE'])
    expect([at.server.backlog, at.server.clients]).toEqual([2, []])
  })

  test('fewer batches than an ACK has said: BAD_MESSAGE, and the session is over', async () => {
    const at = await staged()
    const { peer, said } = await at.connect()
    peer.send(ACK(0))
    await rest()
    peer.send(ACK(1))
    await rest()
    peer.cut()
    await rest()
    const { answer } = await at.comeBack(said, { batches: 0 })
    expect([codeOf(answer), at.events.at(-1)]).toEqual(['BAD_MESSAGE', 'disconnect BAD_MESSAGE'])
  })

  test('fault 13: a flood of ACKs is taken as it comes, and answered by nothing', async () => {
    const at = await staged()
    const { peer } = await at.connect()
    await rest()
    peer.frames.length = 0
    peer.send(...Array.from({ length: 100_000 }, () => ACK(0)))
    await rest()
    expect([peer.frames, at.events]).toEqual([[], ['connect']])
    peer.send(CREDIT(1))
    await at.server.put('still here')
    await rest()
    expect(batches(peer)).toHaveLength(1)
  })
})

describe('P7: a client that takes and never acknowledges', () => {
  test('gets no more than maxReplayBytes, and the goodbye goes behind what is held up', async () => {
    const at = await staged({ maxReplayBytes: 1_000 })
    const { peer } = await at.connect()
    peer.send(ACK(0), CREDIT(100))
    await rest()
    for (let n = 0; n < 10; n += 1) {
      await at.server.put(`item ${n}`)
      await rest()
    }
    const got = batches(peer)
    expect(got.length).toBeLessThan(6)
    void at.server.clients[0]?.close()
    await rest()
    expect(types(peer)).not.toContain(FRAME.DISCONN)
    peer.send(ACK(got.length))
    await rest()
    peer.send(ACK(batches(peer).length))
    await rest()
    expect(types(peer).at(-1)).toBe(FRAME.DISCONN)
    const items = Buffer.concat(peer.frames.map(({ data }) => data)).toString('latin1')
    expect(items.match(/item \d/g)).toHaveLength(10)
  })

  test('is cut 2 s after the goodbye is due', async () => {
    const at = await staged({ maxReplayBytes: 1_000 })
    const { peer } = await at.connect()
    peer.send(ACK(0), CREDIT(100))
    for (let n = 0; n < 10; n += 1) {
      await at.server.put(`item ${n}`)
      await rest()
    }
    void at.server.clients[0]?.close()
    await rest()
    expect(peer.hasEnded).toBe(false)
    at.clock.advance(2_100)
    await rest()
    expect([peer.hasEnded, at.events.at(-1)]).toEqual([true, 'disconnect CONNECTION_LOST'])
  })
})

describe('P7: a server that lies to a client that comes back', () => {
  const HELLO = frame(FRAME.CONN, hello('server'))
  const granted = (more: Fields): string =>
    frame(
      FRAME.WELCOME,
      welcome('server', { session: 's', you: { id: 'back' }, secret: SECRET, resumeMs: 1_000, ...more }),
    )
  const SECRET = `${'A'.repeat(43)}=`

  /** A client that was connected to a raw server once, and has lost it. */
  async function returning(more: Fields = {}): Promise<{ client: ReturningClient; clock: Clock; again: RawPeer }> {
    const clock = new Clock()
    const client = new ReturningClient(clock, 'back', { heartbeatMs: 0, frameTimeoutMs: 0, sendTimeoutMs: 0 })
    const [first, second] = [RawPeer.inMemory(), RawPeer.inMemory()]
    client.connect(first.duplex)
    first.peer.send(HELLO, granted(more))
    await until(() => client.log.length > 0)
    await rest()
    first.peer.cut()
    await until(() => client.log.length > 1)
    client.connect(second.duplex)
    second.peer.send(HELLO)
    await rest()
    return { client, clock, again: second.peer }
  }

  const lastCode = ({ frames }: RawPeer): unknown => codeOf(frames.at(-1) as RawFrame)

  test.each([
    ['resumes another session', { session: 't', resumed: true, batches: 0 }],
    ['resumes it without a secret', { secret: undefined, resumed: true, batches: 0 }],
    ['has taken more batches than were sent', { resumed: true, batches: 9 }],
    ['has taken less than no batch', { resumed: true, batches: -1 }],
  ])('and %s: BAD_MESSAGE', async (_what, said) => {
    const { client, again, clock } = await returning()
    again.send(granted(said))
    await rest()
    expect([lastCode(again), client.log.at(-1)]).toEqual(['BAD_MESSAGE', 'declined BAD_MESSAGE'])
    clock.advance(2_100)
    await client.gone()
    expect(clock.timers).toBe(0)
  })

  test('and resumes one that is over: BAD_MESSAGE', async () => {
    const { client, again, clock } = await returning({ resumeMs: undefined })
    expect(client.log).toEqual(['opened', 'closed CONNECTION_LOST'])
    again.send(granted({ resumed: true, batches: 0 }))
    await rest()
    expect([lastCode(again), client.log.at(-1)]).toEqual(['BAD_MESSAGE', 'declined BAD_MESSAGE'])
    clock.advance(2_100)
    await client.gone()
  })

  test('and has the session no more: it is over before the new one begins', async () => {
    const { client, again } = await returning()
    again.send(granted({ session: 't', resumed: false }))
    await rest()
    expect(client.log).toEqual(['opened', 'suspended', 'closed CONNECTION_LOST', 'opened'])
    await client.gone()
  })
})
