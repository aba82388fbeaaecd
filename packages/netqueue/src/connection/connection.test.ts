import assert from 'node:assert/strict'
import { afterEach, describe, expect, test } from 'vitest'
import { Clock, rest } from '../../test/support/nodes.ts'
import { frame, FRAME, hello, RawPeer, welcome } from '../../test/support/raw-peer.ts'
import { NetQueueError } from '../errors/errors.ts'
import { limitsFrom } from '../options/limits.ts'
import { native, netQueue } from '../protocol/net-queue/net-queue.ts'
import type { Role } from '../protocol/handshake.ts'
import type { Message, Writer } from '../protocol/message.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { Wire } from '../protocol/wire.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { Connection } from './connection.ts'
import { Pulse } from './pulse.ts'
import type { SessionUser } from './session.ts'

/** Notes what it is told, and says what it was given to say. */
class ScriptedUser implements SessionUser {
  wire: Wire | undefined
  readonly messages: Message[] = []
  readonly ends: (NetQueueError | undefined)[] = []
  readonly due: ((writer: Writer) => void)[] = []
  onTake: (message: Message) => void = () => {}

  opened(wire: Wire): void {
    this.wire = wire
  }

  take(message: Message): void {
    this.messages.push(message)
    this.onTake(message)
  }

  fill(writer: Writer): boolean {
    this.due.shift()?.(writer)
    return this.due.length === 0
  }

  suspended(_error: NetQueueError): void {
    throw new Error('Expected the session to end with its connection')
  }

  resumed(): void {}

  ping(): void {}

  closed(error: NetQueueError | undefined): void {
    this.ends.push(error)
  }

  get end(): string {
    return this.ends.map((error) => error?.code ?? 'goodbye').join(' ')
  }
}

interface Setup {
  session: ScriptedUser
  clock: Clock
  connection: Connection
}

const clocks: Clock[] = []

/** Nothing is watched but the introductions. */
const pulseOf = (env: Clock): Pulse =>
  new Pulse({ env, limits: limitsFrom({ heartbeatMs: 0, frameTimeoutMs: 0, sendTimeoutMs: 0 }), warn: () => {} })

function attach(duplex: ByteDuplex, role: Role, more: { closeDuplex?: boolean; protocol?: Protocol } = {}): Setup {
  const session = new ScriptedUser()
  const clock = new Clock()
  clocks.push(clock)
  const introduction = {
    id: role,
    item: 'text',
    result: 'text',
    tags: [],
    status: undefined,
    nonce: new Uint8Array(16),
  }
  const connection = new Connection(duplex, {
    role,
    introduction: () => introduction,
    user: () => session,
    declined: (error) => session.closed(error),
    env: clock,
    pulse: pulseOf(clock),
    protocol: native(),
    limits: limitsFrom(),
    ...more,
  })
  return { session, clock, connection }
}

/** A connection in the given role, and its other end, played by hand. */
function play(role: Role, more: { closeDuplex?: boolean; protocol?: Protocol } = {}): Setup & { peer: RawPeer } {
  const { peer, duplex } = RawPeer.inMemory()
  return { ...attach(duplex, role, more), peer }
}

const HELLO = frame(FRAME.CONN, hello('raw'))
const WELCOME = frame(FRAME.WELCOME, welcome('raw', { session: 's', you: { id: 'client' } }))
const DISCONN = frame(FRAME.DISCONN)
const GARBAGE = frame(FRAME.BATCH, Buffer.of(0))
const item = (writer: Writer): void => void writer.item(1, Buffer.from('x'), 1, false)

/** The same, when both sides know each other. */
async function open(role: Role, more: { closeDuplex?: boolean } = {}): Promise<Setup & { peer: RawPeer }> {
  const played = play(role, more)
  played.peer.send(HELLO, WELCOME)
  await rest()
  expect(played.session.wire).toBeDefined()
  played.peer.frames.length = 0
  return played
}

const said = (peer: RawPeer): string =>
  peer.frames
    .map(({ type, data }) => {
      if (type === FRAME.ERROR) return `ERROR ${(JSON.parse(data.toString()) as { code: string }).code}`
      return Object.entries(FRAME).find(([, value]) => value === type)?.[0] ?? String(type)
    })
    .join(' ')

afterEach(() => {
  assert.deepEqual(
    clocks
      .splice(0)
      .map(({ timers }) => timers)
      .filter(Boolean),
    [],
    'Expected no timer to remain',
  )
})

describe('introductions', () => {
  test('a client says HELLO at once, WELCOME after the HELLO, and is open after the WELCOME', async () => {
    const { peer, session, connection } = play('client')
    await rest()
    expect(said(peer)).toBe('CONN')
    peer.send(HELLO)
    await rest()
    expect(said(peer)).toBe('CONN WELCOME')
    expect(session.wire).toBeUndefined()
    peer.send(WELCOME)
    await rest()
    expect(session.wire?.peer).toMatchObject({ id: 'raw', protocol: 'netqueue/1', maxItemBytes: 32_768 })
    connection.cut()
    await connection.done
    expect(session.end).toBe('goodbye')
  })

  test('a server says nothing before the client does', async () => {
    const { peer, session, connection } = play('server')
    await rest()
    expect(said(peer)).toBe('')
    peer.send(HELLO)
    await rest()
    expect(said(peer)).toBe('CONN')
    peer.send(WELCOME)
    await rest()
    expect(said(peer)).toBe('CONN WELCOME')
    expect(session.wire?.peer.id).toBe('raw')
    connection.cut()
    await connection.done
  })

  test('the deadline is absolute: bytes that arrive do not renew it; the peer is told, and the stream cut 2 s later', async () => {
    const { peer, session, clock, connection } = play('server')
    const bytes = Buffer.from(HELLO, 'hex')
    for (let at = 0; at < 4; at += 1) {
      clock.advance(1_249)
      peer.send(bytes.subarray(at, at + 1))
      await rest()
    }
    expect(session.end).toBe('')
    // Deadlines are at most 1/64 late.
    clock.advance(4 + 5_000 / 64)
    await rest()
    expect(session.end).toBe('HANDSHAKE_TIMEOUT')
    expect(session.ends[0]?.message).toContain('5000 ms (handshakeTimeoutMs)')
    expect(said(peer)).toBe('ERROR HANDSHAKE_TIMEOUT')
    clock.advance(2_100)
    await connection.done
  })

  test('WELCOME in time ends the deadline', async () => {
    const { session, clock, connection } = await open('server')
    clock.advance(60_000)
    await rest()
    expect(session.end).toBe('')
    connection.cut()
    await connection.done
  })

  test('frames that come together are taken together', async () => {
    const { session, connection, peer } = await open('server')
    peer.send(frame(FRAME.BATCH, Buffer.of(12, 1)), frame(FRAME.BATCH, Buffer.of(12, 2)), DISCONN, GARBAGE)
    await connection.done
    expect(session.messages).toEqual([
      { type: 'ping', token: 1 },
      { type: 'ping', token: 2 },
    ])
    expect(session.end).toBe('goodbye')
  })

  test.each([
    ['client', 'goodbye', 'CONN DISCONN'],
    ['server', 'goodbye', ''],
  ] as const)('end() of a %s during the introduction: %s, having said %j', async (role, end, words) => {
    const { peer, session, connection } = play(role)
    await rest()
    connection.end()
    await rest()
    expect(said(peer)).toBe(words)
    peer.send(HELLO, WELCOME)
    peer.end()
    await connection.done
    expect(session.end).toBe(end)
    expect(session.wire).toBeUndefined()
    expect(said(peer)).toBe(words)
  })

  test('fail() during the introduction tells the peer', async () => {
    const { peer, session, connection } = play('client')
    peer.send(HELLO)
    await rest()
    connection.fail(new NetQueueError('ID_IN_USE', 'taken'))
    peer.end()
    await connection.done
    expect(said(peer)).toBe('CONN WELCOME ERROR ID_IN_USE')
    expect(session.end).toBe('ID_IN_USE')
  })

  test.each([
    ['DISCONN', DISCONN, 'CONNECTION_LOST'],
    ['ERROR with a code', frame(FRAME.ERROR, '{"code":"VERSION_MISMATCH"}'), 'VERSION_MISMATCH'],
    ['ERROR without sense', frame(FRAME.ERROR, 'no'), 'CONNECTION_LOST'],
  ])('a server that answers with %s declines; ERROR is not answered', async (name, answer, code) => {
    const { peer, session, connection } = play('client')
    await rest()
    peer.send(answer)
    await connection.done
    expect(session.end).toBe(code)
    await rest()
    expect(said(peer)).toBe(name === 'DISCONN' ? 'CONN DISCONN' : 'CONN')
  })

  test.each(['client', 'server'] as const)('a %s whose peer ends the stream at once has lost it', async (role) => {
    const { peer, session, connection } = play(role)
    peer.end()
    await connection.done
    expect(session.end).toBe('CONNECTION_LOST')
  })

  test('an id that cannot be sent throws, and the duplex is untouched', () => {
    const { duplex } = RawPeer.inMemory()
    const untouched: ByteDuplex = { ...duplex, sink: () => Promise.reject(new Error('used')) }
    const make = (): Connection =>
      new Connection(untouched, {
        role: 'client',
        introduction: () => ({
          id: 'x'.repeat(129),
          item: '',
          result: '',
          tags: [],
          status: 1,
          nonce: new Uint8Array(16),
        }),
        user: () => new ScriptedUser(),
        declined: () => {},
        env: new Clock(),
        pulse: pulseOf(new Clock()),
        protocol: native(),
        limits: limitsFrom(),
      })
    expect(make).toThrow(RangeError)
  })
})

describe('P11, P12: the end', () => {
  test('what had come already is not taken from a connection that is lost: it comes again on the next one', async () => {
    const { peer, session, connection } = play('client')
    const grant = { session: 's', you: { id: 'client' }, secret: `${'A'.repeat(43)}=`, resumeMs: 1_000 }
    const suspended: string[] = []
    session.suspended = ({ code }: NetQueueError) => void suspended.push(code)
    session.onTake = () => queueMicrotask(() => connection.lose(new NetQueueError('CONNECTION_LOST', 'taken over')))
    peer.send(HELLO, frame(FRAME.WELCOME, welcome('raw', grant)))
    await rest()
    for (let index = 0; index < 100; index += 1) peer.send(frame(FRAME.BATCH, Buffer.of(12, index)))
    await connection.done
    await rest()
    expect([suspended, session.end]).toEqual([['CONNECTION_LOST'], ''])
    expect(session.messages.length).toBeLessThan(10)
  })

  test('end() says what the session has, then goodbye, and waits for the goodbye of the other side', async () => {
    const { peer, session, clock, connection } = await open('client')
    session.due.push(item, item)
    connection.end()
    connection.end()
    await rest()
    expect(said(peer)).toBe('BATCH BATCH DISCONN')
    expect(session.end).toBe('')
    expect(clock.timers).toBe(1)
    peer.send(DISCONN)
    await connection.done
    expect(session.end).toBe('goodbye')
  })

  test('after the goodbye of the other side nothing is said but goodbye', async () => {
    const { peer, session, connection } = await open('client')
    session.due.push(item, item)
    peer.send(DISCONN)
    await connection.done
    await rest()
    expect(said(peer)).toBe('DISCONN')
    expect(session.end).toBe('goodbye')
  })

  test('two goodbyes that cross are one end', async () => {
    const { peer, session, connection } = await open('client')
    connection.end()
    peer.send(DISCONN)
    await connection.done
    await rest()
    expect(said(peer)).toBe('DISCONN')
    expect(session.end).toBe('goodbye')
  })

  test('a stream that ends without a goodbye is CONNECTION_LOST; in the middle of a frame, too', async () => {
    for (const [bytes, cause] of [
      ['', undefined],
      ['00000005', 'FRAME_TRUNCATED'],
    ] as const) {
      const { peer, session, connection } = await open('server')
      peer.send(bytes)
      peer.end()
      await connection.done
      expect(session.end).toBe('CONNECTION_LOST')
      expect((session.ends[0]?.cause as NetQueueError | undefined)?.code).toBe(cause)
    }
  })

  test("the other side's ERROR is CONNECTION_LOST with its code in the message, and is not answered", async () => {
    const { peer, session, connection } = await open('client')
    peer.send(frame(FRAME.ERROR, '{"code":"CREDIT_EXCEEDED","limit":"prefetch","max":1,"value":2}'))
    await connection.done
    expect(session.end).toBe('CONNECTION_LOST')
    expect(session.ends[0]?.message).toBe('The peer closed the connection with CREDIT_EXCEEDED (prefetch 1)')
    expect(said(peer)).toBe('')
  })

  test('a peer that breaks a rule is told once; what it still sends is read and dropped', async () => {
    const { peer, session, connection } = await open('server')
    peer.send(GARBAGE, GARBAGE, frame(FRAME.BATCH, Buffer.of(12, 1)))
    await rest()
    expect(session.end).toBe('UNKNOWN_TYPE')
    peer.send(Buffer.alloc(100_000))
    await rest()
    expect(said(peer)).toBe('ERROR UNKNOWN_TYPE')
    expect(session.messages).toEqual([])
    peer.end()
    await connection.done
  })

  test('an error that the session throws is told', async () => {
    const { peer, session, connection } = await open('server')
    session.onTake = () => {
      throw new NetQueueError('CREDIT_EXCEEDED', 'too much', { limit: 'prefetch', value: 7 })
    }
    peer.send(frame(FRAME.BATCH, Buffer.of(12, 1)))
    await rest()
    peer.end()
    await connection.done
    expect(peer.frames[0]?.data.toString()).toBe('{"code":"CREDIT_EXCEEDED","limit":"prefetch","value":7}')
    expect(session.end).toBe('CREDIT_EXCEEDED')
  })

  test('a bug in the session ends the connection, not the process', async () => {
    const { session, connection } = await open('server')
    session.due.push(() => {
      throw new TypeError('a bug')
    })
    connection.wake()
    await connection.done
    expect(session.end).toBe('CONNECTION_LOST')
    expect(session.ends[0]?.cause).toMatchObject({ message: 'a bug' })
  })

  test('a peer that never answers our goodbye is cut 2 s later, and lost', async () => {
    const { clock, session, connection } = await open('client')
    connection.end()
    await rest()
    clock.advance(1_999)
    await rest()
    expect(session.end).toBe('')
    clock.advance(1)
    await connection.done
    expect(session.end).toBe('CONNECTION_LOST')
    expect(session.ends[0]?.message).toBe('The peer did not answer the goodbye')
  })

  test('a peer that ends the stream without answering our goodbye is lost; an original has no more to say', async () => {
    const { peer, session, connection } = await open('client')
    connection.end()
    await rest()
    peer.end()
    await connection.done
    expect(session.end).toBe('CONNECTION_LOST')
    const original = play('server')
    original.peer.send(frame(FRAME.ENQUEUE, 'a'))
    await rest()
    original.connection.end()
    await rest()
    original.peer.end()
    await original.connection.done
    expect(original.session.end).toBe('goodbye')
  })

  test('a peer that has said goodbye and takes none of ours is cut 2 s later, and has left', async () => {
    const { peer, duplex } = RawPeer.inMemory()
    let frames = 0
    const sink = async (source: AsyncIterable<Bytes> | Iterable<Bytes>): Promise<void> => {
      for await (const _ of source) if ((frames += 1) > 2) await new Promise(() => {})
    }
    const { session, clock, connection } = attach({ source: duplex.source, sink }, 'server')
    peer.send(HELLO, WELCOME)
    await rest()
    session.due.push(item)
    connection.wake()
    await rest()
    peer.send(DISCONN)
    await rest()
    clock.advance(2_000)
    await connection.done
    expect([frames, session.end]).toEqual([3, 'goodbye'])
  })

  const ends: Record<string, (connection: Connection) => void> = {
    end: (connection) => connection.end(),
    fail: (connection) => connection.fail(new NetQueueError('BAD_MESSAGE', 'bad')),
    cut: (connection) => connection.cut(),
  }
  for (const first of Object.keys(ends)) {
    for (const second of Object.keys(ends)) {
      test(`${first}() and then ${second}(), at once or later: the session hears of one end, and no timer remains`, async () => {
        for (const wait of [async () => {}, rest]) {
          const { clock, session, connection, peer } = await open('server')
          ends[first]?.(connection)
          await wait()
          ends[second]?.(connection)
          await rest()
          expect(peer.frames.length).toBeLessThanOrEqual(1)
          clock.advance(2_000)
          await connection.done
          ends[first]?.(connection)
          ends[second]?.(connection)
          await rest()
          expect(session.ends).toHaveLength(1)
          expect(clock.timers).toBe(0)
        }
      })
    }
  }

  test('a duplex that fails to be cut, and says that it broke, is released all the same', async () => {
    const { peer, duplex } = RawPeer.inMemory()
    const closed = Promise.reject(new Error('broken'))
    closed.catch(() => {})
    const abort = (): void => {
      throw new Error('stuck')
    }
    const broken: ByteDuplex = { source: duplex.source, sink: (source) => duplex.sink(source), abort, closed }
    const { connection, session } = attach(broken, 'server')
    peer.send(HELLO, WELCOME)
    await rest()
    connection.cut()
    await connection.done
    expect(session.end).toBe('goodbye')
  })

  test.each([
    [
      'throws',
      (): never => {
        throw new Error('stuck')
      },
    ],
    ['rejects', () => Promise.reject(new Error('stuck'))],
  ])('a source whose return() %s is left all the same', async (_, leave) => {
    const { peer, duplex } = RawPeer.inMemory()
    const chunks = duplex.source[Symbol.asyncIterator]()
    const source = { [Symbol.asyncIterator]: () => ({ next: () => chunks.next(), return: leave }) }
    const { connection, session } = attach({ source, sink: (frames) => duplex.sink(frames) }, 'server')
    peer.send(HELLO, WELCOME)
    await rest()
    connection.cut()
    await connection.done
    expect(session.end).toBe('goodbye')
  })

  test('nothing is said after the goodbye, not even while the stream is still taking it', async () => {
    const { peer, duplex } = RawPeer.inMemory()
    const taken: string[] = []
    let take = (): void => {}
    const sink = async (frames: AsyncIterable<Bytes> | Iterable<Bytes>): Promise<void> => {
      for await (const chunk of frames) {
        taken.push(Buffer.from(chunk.slice()).toString('hex'))
        await new Promise<void>((resolve) => (take = resolve))
      }
    }
    const { session, clock, connection } = attach({ source: duplex.source, sink }, 'server')
    peer.send(HELLO, WELCOME)
    for (let frames = 0; frames < 2; frames += 1) {
      await rest()
      take()
    }
    connection.end()
    await rest()
    peer.send(GARBAGE)
    await rest()
    take()
    await rest()
    clock.advance(2_000)
    await connection.done
    expect(taken.slice(2)).toEqual([DISCONN])
    expect(session.end).toBe('UNKNOWN_TYPE')
  })

  test('nothing is said after the goodbye, not even an error', async () => {
    const { clock, peer, session, connection } = await open('server')
    connection.end()
    await rest()
    peer.send(GARBAGE)
    await rest()
    clock.advance(2_000)
    await connection.done
    expect(said(peer)).toBe('DISCONN')
    expect(session.end).toBe('UNKNOWN_TYPE')
  })
})

describe('P7, P11: duplexes of all kinds', () => {
  const never = (): Promise<never> => new Promise(() => {})
  const silence = (): AsyncIterable<Bytes> => ({ [Symbol.asyncIterator]: () => ({ next: never }) })
  async function drain(source: AsyncIterable<Bytes> | Iterable<Bytes>): Promise<void> {
    for await (const chunk of source) void chunk
  }

  const broken: Record<string, () => ByteDuplex> = {
    'a sink that throws at once': () => ({
      source: silence(),
      sink: () => {
        throw new Error('broken')
      },
    }),
    'a sink that rejects': () => ({ source: silence(), sink: () => Promise.reject(new Error('broken')) }),
    'a sink that stops': () => ({ source: silence(), sink: () => Promise.resolve() }),
    'a source that throws at once': () => ({
      source: {
        [Symbol.asyncIterator]: () => {
          throw new Error('broken')
        },
      },
      sink: drain,
    }),
    'a source whose next() throws at once': () => ({
      source: {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw new Error('broken')
          },
        }),
      },
      sink: drain,
    }),
    'a source that rejects': () => ({
      source: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('broken')) }) },
      sink: drain,
    }),
    'a source and a sink that both fail': () => ({
      source: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('broken')) }) },
      sink: () => Promise.reject(new Error('broken')),
    }),
  }
  for (const [name, make] of Object.entries(broken)) {
    for (const closeDuplex of [true, false]) {
      test(`${name} is CONNECTION_LOST, heard of after the constructor (closeDuplex: ${closeDuplex})`, async () => {
        const { session, connection } = attach(make(), 'client', { closeDuplex })
        expect(session.ends).toEqual([])
        await connection.done
        expect(session.end).toBe('CONNECTION_LOST')
      })
    }
  }

  test('without abort, ending both sides has to do: the sink ends, the source is returned', async () => {
    let isReturned = false
    let isEnded = false
    const source: AsyncIterableIterator<Bytes> = {
      next: never,
      return: async () => ((isReturned = true), { done: true, value: undefined }),
      [Symbol.asyncIterator]: () => source,
    }
    const { session, connection } = attach(
      { source, sink: async (frames) => drain(frames).then(() => void (isEnded = true)) },
      'client',
    )
    await rest()
    connection.cut()
    await connection.done
    await rest()
    expect([session.end, isReturned, isEnded]).toEqual(['goodbye', true, true])
  })

  test('a sink that never takes what it was given is left behind after 2 s', async () => {
    const { clock, session, connection } = attach(
      {
        source: silence(),
        sink: async (frames) => {
          for await (const _ of frames) await never()
        },
      },
      'client',
    )
    await rest()
    connection.end()
    clock.advance(2_000)
    await connection.done
    expect(session.end).toBe('goodbye')
  })

  test("a duplex's own methods keep their `this`", async () => {
    class Own implements ByteDuplex {
      readonly source = silence()
      taken = 0
      async sink(frames: AsyncIterable<Bytes> | Iterable<Bytes>): Promise<void> {
        for await (const chunk of frames) this.taken += chunk.byteLength
      }
    }
    const duplex = new Own()
    const { connection } = attach(duplex, 'client')
    await rest()
    expect(duplex.taken).toBeGreaterThan(0)
    connection.cut()
    await connection.done
  })
})

describe('originals', () => {
  test('P6: an original that begins without CONN has credit for one item all the same', async () => {
    const { peer, session, connection } = play('server')
    peer.send(frame(FRAME.ENQUEUE, 'a'))
    await rest()
    expect(session.messages.map(({ type }) => type)).toEqual(['items', 'credit'])
    expect(session.wire?.peer.protocol).toBe('net-queue')
    expect(said(peer)).toBe('')
    peer.send(DISCONN)
    await connection.done
    expect(session.end).toBe('goodbye')
  })

  test('a client of an original says CONN, and DISCONN when it is refused or fails', async () => {
    const { peer, session, connection } = play('client', { protocol: netQueue() })
    await rest()
    expect(peer.received.toString('hex')).toBe('000000020001')
    connection.fail(new NetQueueError('HANDSHAKE_TIMEOUT', 'slow'))
    peer.end()
    await connection.done
    expect(said(peer)).toBe('CONN DISCONN')
    expect(session.end).toBe('HANDSHAKE_TIMEOUT')
  })
})
