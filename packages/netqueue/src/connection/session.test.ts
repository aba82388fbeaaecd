import { describe, expect, test } from 'vitest'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Role, Ticket } from '../protocol/handshake.ts'
import type { Message, PeerEnd, Writer } from '../protocol/message.ts'
import type { Peer, Wire } from '../protocol/wire.ts'
import { Deadlines } from '../queue/deadlines.ts'
import type { Bytes } from '../transport/transport.ts'
import { Session } from './session.ts'
import type { Carrier, SessionUser } from './session.ts'

/** Frames as texts: a batch is `b` and the tokens of its pings, an ACK is `a` and its number; `d` is the goodbye. */
const said = (frame: Bytes | undefined): string => (frame === undefined ? '' : Buffer.from(frame.slice()).toString())
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

class TextWire implements Wire {
  readonly peer = {} as Peer
  readonly typed = true

  decode(frame: Bytes, take: (message: Message) => void): boolean {
    const [kind, rest] = [said(frame).slice(0, 1), said(frame).slice(1)]
    if (kind === 'a') take({ type: 'ack', batches: Number(rest) })
    if (kind === 'd') take({ type: 'disconnect' })
    if (kind === 'b') for (const token of rest) take({ type: 'ping', token: Number(token) })
    return kind === 'b'
  }

  encode(fill: (writer: Writer) => void): Bytes | undefined {
    let text = ''
    fill({ ping: (token: number) => void (text += String(token)) } as Writer)
    return text === '' ? undefined : bytes(`b${text}`)
  }

  ack(batches: number): Uint8Array {
    return bytes(`a${batches}`)
  }

  disconnect(): undefined {}
  error(): undefined {}
  carry(): undefined {}
}

class User implements SessionUser {
  readonly log: string[] = []
  /** Tokens of pings that are to be sent, one in each frame. */
  readonly due: number[] = []
  onTake: (token: number) => void = () => {}

  opened(): void {
    this.log.push('opened')
  }

  take(message: Message): void {
    if (message.type !== 'ping') throw new Error(`Expected a ping, got ${message.type}`)
    this.log.push(String(message.token))
    this.onTake(message.token)
  }

  fill(writer: Writer): boolean {
    const token = this.due.shift()
    if (token === -1) throw new TypeError('a bug')
    if (token !== undefined) writer.ping(token)
    return this.due.length === 0
  }

  ping(): void {}

  suspended({ code }: NetQueueError): void {
    this.log.push(`suspended ${code}`)
  }

  resumed(): void {
    this.log.push('resumed')
  }

  closed(error: NetQueueError | undefined): void {
    this.log.push(`closed ${error?.code ?? 'goodbye'}`)
  }
}

class Line implements Carrier {
  wakes = 0
  readonly ends: string[] = []
  opened = (): void => {}
  wake = (): void => void (this.wakes += 1)
  wakeSoon = (): void => {}
  wakeLater = (): void => {}
  flush = (): void => {}
  end = (): void => void this.ends.push('end')
  cut = (): void => void this.ends.push('cut')
  lose = (): void => void this.ends.push('lose')
  endedByPeer = ({ type }: PeerEnd): void => void this.ends.push(type)
}

const loss = new NetQueueError('CONNECTION_LOST', 'gone')
const ticket = (secret: string, { session = 's', resumeMs = 1_000 } = {}): Ticket => ({ session, secret, resumeMs })
const applicant = (secret: string, session = 's') => ({
  id: 'c',
  resume: { session, batches: 0, proves: (tried: Ticket) => tried.secret === secret },
})

interface Setup {
  session: Session
  user: User
  line: Line
  env: VirtualEnv
}

function open(role: Role, given: Ticket | 'none' = ticket('1'), maxReplayBytes = 1_000_000): Setup {
  const [user, line, env] = [new User(), new Line(), new VirtualEnv()]
  const session = new Session({
    role,
    wire: new TextWire(),
    ticket: given === 'none' ? undefined : given,
    maxReplayBytes,
    deadlines: new Deadlines(env),
  })
  session.begin(user, line)
  return { session, user, line, env }
}

/** The session of a server whose client has said that it acknowledges. */
function kept(maxReplayBytes?: number): Setup {
  const setup = open('server', ticket('1'), maxReplayBytes)
  setup.session.take(bytes('a0'))
  return setup
}

/** All that leaves now. */
function leaving(session: Session): string {
  const frames: string[] = []
  for (let frame = session.nextFrame(); frame !== undefined; frame = session.nextFrame()) frames.push(said(frame))
  return frames.join(' ')
}

/** Loses the connection, and goes on with another one; the peer has taken so many batches. */
function comeBack({ session }: Setup, batches: number): Line {
  const line = new Line()
  session.lost(loss)
  session.rewind(batches)
  session.resume(line, ticket('2'), ticket('1'))
  return line
}

describe('a session that ends with its connection', () => {
  test.each([
    ['a server without resumeTimeoutMs', ticket('1', { resumeMs: 0 })],
    ['a protocol without sessions', 'none'],
  ] as const)('%s: keeps nothing, says no ACK, and a loss is the end', (_who, given) => {
    for (const role of ['client', 'server'] as const) {
      const { session, user, env } = open(role, given)
      user.due.push(1, 2)
      for (let count = 0; count < 100; count += 1) session.take(bytes('b7'))
      expect([leaving(session), env.timers]).toEqual(['b1 b2', 0])
      session.lost(loss)
      expect([user.log.at(-1), session.isOver, session.isSuspended]).toEqual(['closed CONNECTION_LOST', true, false])
    }
  })

  test('an ACK is UNEXPECTED_FRAME', () => {
    const { session } = open('server', ticket('1', { resumeMs: 0 }))
    expect(() => session.take(bytes('a0'))).toThrow(expect.objectContaining({ code: 'UNEXPECTED_FRAME' }))
  })

  test('its claim says nothing of batches', () => {
    const { session } = open('client', ticket('1', { resumeMs: 0 }))
    session.take(bytes('b7'))
    expect(session.claim).toEqual({ ticket: ticket('1', { resumeMs: 0 }), batches: 0 })
    expect(open('client', 'none').session.claim).toBeUndefined()
  })
})

describe('a session that outlives its connection', () => {
  test('what the peer does not have leaves again on the next connection, before what is new', () => {
    const setup = kept()
    setup.user.due.push(1, 2, 3)
    expect(leaving(setup.session)).toBe('b1 b2 b3')
    comeBack(setup, 1)
    setup.user.due.push(4)
    expect(leaving(setup.session)).toBe('b2 b3 b4')
    expect(setup.user.log).toEqual(['opened', 'suspended CONNECTION_LOST', 'resumed'])
  })

  test('what was not asked for before the loss waits', () => {
    const setup = kept()
    setup.session.lost(loss)
    setup.user.due.push(1)
    setup.session.wake()
    setup.session.wakeLater()
    setup.session.flush()
    expect(setup.session.isSuspended).toBe(true)
    setup.session.rewind(0)
    setup.session.resume(new Line(), ticket('2'))
    expect(leaving(setup.session)).toBe('b1')
  })

  test("a client's first word is ACK, with each connection", () => {
    const setup = open('client')
    setup.user.due.push(1)
    expect(setup.line.wakes).toBe(1)
    expect(leaving(setup.session)).toBe('a0 b1')
    setup.session.take(bytes('b7'))
    const line = comeBack(setup, 1)
    expect([line.wakes, leaving(setup.session)]).toEqual([1, 'a1'])
  })

  test('a server says no ACK before its client has', () => {
    const { session } = open('server')
    for (let count = 0; count < 40; count += 1) session.take(bytes('b7'))
    expect(leaving(session)).toBe('')
    session.take(bytes('a0'))
    session.take(bytes('b7'))
    expect(leaving(session)).toBe('a41')
  })

  test('a client whose first ACK comes when no more can be kept is told all the same what was taken: it would wait for that', () => {
    const { session, user, line } = open('server', ticket('1'), 1)
    user.due.push(1, 2)
    session.take(bytes('b7'))
    expect(leaving(session)).toBe('b1 b2')
    const { wakes } = line
    session.take(bytes('a0'))
    for (let count = 0; count < 31; count += 1) session.take(bytes('b7'))
    expect([line.wakes > wakes, leaving(session)]).toEqual([true, 'a32'])
    session.lost(loss)
    expect(user.log.at(-1)).toBe('closed CONNECTION_LOST')
  })

  test('a session that keeps all that it may goes on keeping it, where nothing more is to be said before the first ACK', () => {
    const { session, user } = open('server', ticket('1'), 1)
    user.due.push(1)
    expect([leaving(session), leaving(session)]).toEqual(['b1', ''])
    session.take(bytes('a0'))
    user.due.push(2)
    expect(leaving(session)).toBe('')
    session.take(bytes('a1'))
    expect(leaving(session)).toBe('b2')
    session.lost(loss)
    expect(session.isSuspended).toBe(true)
  })

  test('a client that has given it up says nothing of batches', () => {
    const { session } = open('client')
    session.take(bytes('b7'))
    session.lost(loss)
    expect(session.claim?.batches).toBe(1)
    session.giveUp()
    expect(session.claim).toEqual({ ticket: ticket('1'), batches: undefined })
  })

  test('a client that has never said ACK does not come back: a loss is the end', () => {
    const { session, user } = open('server')
    session.take(bytes('b7'))
    session.lost(loss)
    expect(user.log).toEqual(['opened', '7', 'closed CONNECTION_LOST'])
  })

  test('ACK goes before what is due, and counts batches alone', () => {
    const { session, user } = kept()
    for (let count = 0; count < 31; count += 1) session.take(bytes('b7'))
    session.take(bytes('a0'))
    expect(leaving(session)).toBe('')
    session.take(bytes('b7'))
    user.due.push(1)
    expect([leaving(session), session.taken]).toEqual(['a32 b1', 32])
  })

  test('when all is quiet the peer is told, and no timer remains, nor behind a loss or the end', () => {
    const { session, env, line } = kept()
    session.take(bytes('b7'))
    env.advance(25)
    expect([line.wakes, leaving(session), env.timers]).toEqual([1, 'a1', 0])
    session.take(bytes('b7'))
    expect(env.timers).toBe(1)
    session.lost(loss)
    expect(env.timers).toBe(0)
    const other = kept()
    other.session.take(bytes('b7'))
    other.session.close(undefined)
    expect(other.env.timers).toBe(0)
  })

  test('what was acknowledged is forgotten', () => {
    const setup = kept()
    setup.user.due.push(1, 2, 3)
    leaving(setup.session)
    setup.session.take(bytes('a2'))
    comeBack(setup, 2)
    expect(leaving(setup.session)).toBe('b3')
  })
})

describe('P7: the bound of what is kept', () => {
  test('beyond it nothing but ACK leaves, until the peer has taken something', () => {
    const { session, user, line } = kept(600)
    user.due.push(1, 2, 3, 4, 5)
    expect([leaving(session), session.isHeldUp]).toEqual(['b1 b2 b3', true])
    for (let count = 0; count < 32; count += 1) session.take(bytes('b7'))
    expect(leaving(session)).toBe('a32')
    const { wakes } = line
    session.take(bytes('a1'))
    expect([line.wakes, leaving(session)]).toEqual([wakes + 1, 'b4'])
    session.take(bytes('a4'))
    expect([session.isHeldUp, leaving(session)]).toEqual([false, 'b5'])
  })

  test('what leaves again does not wait for it', () => {
    const setup = kept(600)
    setup.user.due.push(1, 2, 3, 4)
    leaving(setup.session)
    comeBack(setup, 0)
    expect(leaving(setup.session)).toBe('b1 b2 b3')
  })

  test('a client that has not said ACK by then never will: nothing more is kept for it, and nothing is held up', () => {
    const { session, user } = open('server', ticket('1'), 600)
    user.due.push(1, 2, 3, 4, 5)
    expect([leaving(session), session.isHeldUp]).toEqual(['b1 b2 b3 b4 b5', false])
    session.take(bytes('a3'))
    session.lost(loss)
    expect(user.log.at(-1)).toBe('closed CONNECTION_LOST')
  })
})

describe('P7: what a peer says of batches', () => {
  const badMessage = expect.objectContaining({ code: 'BAD_MESSAGE' }) as unknown

  test('an ACK above what was sent is BAD_MESSAGE', () => {
    const { session, user } = kept()
    user.due.push(1)
    leaving(session)
    expect(() => session.take(bytes('a2'))).toThrow(badMessage)
  })

  test('a flood of ACKs costs nothing, brings about nothing, and each may say less than the one before', () => {
    const { session, user, line, env } = kept()
    user.due.push(1, 2)
    leaving(session)
    const { wakes } = line
    for (let count = 0; count < 1_000; count += 1) session.take(bytes(`a${count % 3}`))
    expect([line.wakes - wakes, leaving(session), env.timers]).toEqual([0, '', 0])
  })

  test('a number from which the session cannot go on ends it', () => {
    const { session, user } = kept()
    session.lost(loss)
    expect(() => session.rewind(1)).toThrow(badMessage)
    expect([user.log.at(-1), session.isOver]).toEqual(['closed BAD_MESSAGE', true])
  })
})

describe('the end', () => {
  test('an error in the middle of a frame is the end, for nobody knows what was taken of it', () => {
    const { session, user } = kept()
    user.onTake = () => {
      throw new TypeError('a bug')
    }
    expect(() => session.take(bytes('b12'))).toThrow(TypeError)
    session.lost(loss)
    expect(user.log).toEqual(['opened', '1', 'closed CONNECTION_LOST'])
  })

  test('an error in the making of a frame is the end, too', () => {
    const { session, user } = kept()
    user.due.push(-1)
    expect(() => session.nextFrame()).toThrow(TypeError)
    session.lost(loss)
    expect(user.log.at(-1)).toBe('closed CONNECTION_LOST')
  })

  test('end() and cut() are for the connection, or the end where there is none', () => {
    const [one, other] = [kept(), kept()]
    one.session.end()
    one.session.cut()
    expect([one.line.ends, one.session.isOver]).toEqual([['end', 'cut'], false])
    one.session.lost(loss)
    other.session.lost(loss)
    one.session.end()
    other.session.cut(new NetQueueError('CLOSED', 'no'))
    expect([one.user.log.at(-1), other.user.log.at(-1)]).toEqual(['closed CONNECTION_LOST', 'closed CLOSED'])
  })

  test('giveUp() is for a session that waits, and is told once', () => {
    const { session, user } = kept()
    session.giveUp()
    expect(session.isOver).toBe(false)
    session.lost(loss)
    session.giveUp()
    session.giveUp()
    session.close(undefined)
    expect(user.log).toEqual(['opened', 'suspended CONNECTION_LOST', 'closed CONNECTION_LOST'])
  })

  test('what comes behind the end is not taken', () => {
    const { session, user } = kept()
    user.onTake = () => session.close(undefined)
    session.take(bytes('b12'))
    expect(user.log).toEqual(['opened', '1', 'closed goodbye'])
  })

  test("the peer's goodbye is for the connection", () => {
    const { session, line } = kept()
    session.take(bytes('d'))
    expect(line.ends).toEqual(['disconnect'])
  })
})

describe('fault 25: whose session it is', () => {
  test('is proven by the secret of its ticket, for its name', () => {
    const { session } = kept()
    expect(session.provenBy(applicant('1'))).toEqual(ticket('1'))
    expect(session.provenBy(applicant('2'))).toBeUndefined()
    expect(session.provenBy(applicant('1', 'other'))).toBeUndefined()
    expect(session.provenBy({ id: 'c' })).toBeUndefined()
  })

  test('the ticket before is good until the peer was heard: it may not have got the present one', () => {
    const setup = kept()
    comeBack(setup, 0)
    expect([applicant('1'), applicant('2')].map((who) => setup.session.provenBy(who)?.secret)).toEqual(['1', '2'])
    setup.session.take(bytes('a0'))
    expect([applicant('1'), applicant('2')].map((who) => setup.session.provenBy(who)?.secret)).toEqual([undefined, '2'])
  })

  test('one that takes the place of another is proven by the ticket of that, too, until the peer was heard', () => {
    const user = new User()
    const session = new Session({
      role: 'server',
      wire: new TextWire(),
      ticket: ticket('2', { session: 't' }),
      maxReplayBytes: 1,
      deadlines: new Deadlines(new VirtualEnv()),
    })
    session.begin(user, new Line(), ticket('1'))
    expect(session.provenBy(applicant('1'))).toEqual(ticket('1'))
    session.take(bytes('b1'))
    expect(session.provenBy(applicant('1'))).toBeUndefined()
    expect(session.provenBy(applicant('2', 't'))?.secret).toBe('2')
  })
})
