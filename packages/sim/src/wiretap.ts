import type { Flow } from './flow.ts'
import type { Counts } from './counts.ts'
import type { Violate } from './invariants.ts'
import type { Connection, Observer, Side } from './network.ts'
import type { Session } from './session.ts'
import { ACK, BATCH, DISCONN, ERROR, FrameReader, readAck, readError, readWelcome, WELCOME } from './wire.ts'
import type { Frame, Welcome, WireRecord } from './wire.ts'

/** Both directions of one session, as they are judged. */
export interface Flows {
  /** Server to client. */
  down: Flow
  up: Flow
}

export interface WiretapInit {
  counts: Counts
  maxReplayBytes: number
  now: () => number
  /** Whose it is, once the server knows. */
  session: (connection: Connection) => Session | undefined
  /** The client has heard that it is let in. */
  welcomed: (connection: Connection, session: Session) => void
  /** The server lets a client in anew that asked for the session with that name. */
  begunAnew: (connection: Connection, session: Session, wanted: string) => void
  /** A side has written a record, or was given one of the other's. */
  note: (what: string) => void
  seen: (session: Session, side: Side, what: 'wrote' | 'got', record: WireRecord) => void
  /** A side has written, or was given, the last words; an error's, if it is one. */
  parted: (connection: Connection, side: Side, what: 'wrote' | 'got', error: string | undefined) => void
  violate: Violate
  /** Whether that side still listens: what it is given after it gave the connection up means nothing. */
  listens: (session: Session, connection: Connection, side: Side) => boolean
}

/** docs/protocol.md §13: what was taken is acknowledged after 25 ms at the latest, which a timer for whole milliseconds may round up. */
const MAX_UNTOLD_MS = 27

/** `number`: of a BATCH, in its session. */
type Numbered = Frame & { number: number }

interface Half {
  reader: FrameReader
  frames: Numbered[]
  read: number
  batches: number
  /** When the other side was given a whole frame last. */
  heardAt: number
}

interface Halves extends Record<Side, Half> {
  claim: Welcome['resume']
}

const newHalf = (heardAt: number): Half => ({ reader: new FrameReader(), frames: [], read: 0, batches: 0, heardAt })
const otherSide = (side: Side): Side => (side === 'client' ? 'server' : 'client')

/** What a kept batch counts beside its bytes. */
const BATCH_COST_BYTES = 256

/** Reads along on every connection, and tells both directions' judges what was written and what was received, each once. */
export class Wiretap implements Observer {
  readonly #init: WiretapInit
  readonly #halves: Map<Connection, Halves> = new Map()
  /** With which connection a client knows that it has a session. */
  readonly #newest: Map<Session, Connection> = new Map()

  constructor(init: WiretapInit) {
    this.#init = init
  }

  written(connection: Connection, side: Side, bytes: Uint8Array): void {
    const half = this.#half(connection)[side]
    for (const frame of half.reader.push(bytes.slice())) {
      if (frame.type === BATCH) half.batches += 1
      const numbered = { ...frame, number: half.batches }
      half.frames.push(numbered)
      this.#wrote(connection, side, numbered)
    }
  }

  runaway({ name }: Connection, side: Side): void {
    this.#init.violate('I12', `the ${side} of ${name} writes without end`)
  }

  read(connection: Connection, side: Side, length: number): void {
    const half = this.#half(connection)[otherSide(side)]
    half.read += length
    for (let frame = half.frames[0]; frame !== undefined && frame.end <= half.read; frame = half.frames[0]) {
      half.frames.shift()
      half.heardAt = this.#init.now()
      this.#got(connection, side, frame)
    }
  }

  /** Since when that side was given no whole frame. */
  heardAt(connection: Connection, side: Side): number {
    return this.#half(connection)[otherSide(side)].heardAt
  }

  #wrote(connection: Connection, side: Side, frame: Numbered): void {
    const { session: sessionOf, parted } = this.#init
    const { type, data } = frame
    if (type === ERROR || type === DISCONN)
      return parted(connection, side, 'wrote', type === ERROR ? readError(data) : undefined)
    if (type === WELCOME && side === 'client') {
      this.#half(connection).claim = readWelcome(data).resume
      return
    }
    const session = sessionOf(connection)
    if (session === undefined) return
    if (type === WELCOME) this.#letIn(connection, session, readWelcome(data))
    if (type === BATCH) this.#wroteBatch(session, side, frame)
    if (type === ACK) this.#checkAck(session, side, readAck(data))
  }

  /** The server says how it goes on: with a session where both were, or with a new one. */
  #letIn(connection: Connection, session: Session, welcome: Welcome): void {
    const { begunAnew } = this.#init
    const halves = this.#half(connection)
    const { claim } = halves
    if (session.id === '') {
      session.id = welcome.session ?? ''
      this.#check(!welcome.resumed, `${connection.name} is said to go on, with a new session`)
      if (claim !== undefined) begunAnew(connection, session, claim.session)
      return
    }
    const isSame = welcome.resumed && welcome.session === session.id && claim?.session === session.id
    this.#check(isSame, `${connection.name} goes on with the session of ${session.name}, for which it did not ask`)
    const { client, server } = session.said
    // An attempt that the client gave up says what it had then.
    const isStale = isBefore(connection, this.#newest.get(session))
    this.#check(
      isStale ? (claim?.batches ?? 0) <= server.taken : claim?.batches === server.taken,
      `${connection.name}: the client says that it has ${claim?.batches} batches, and was given ${server.taken}`,
    )
    this.#check(
      welcome.batches === client.taken,
      `${connection.name}: the server says that it has ${welcome.batches} batches, and was given ${client.taken}`,
    )
    halves.server.batches = claim?.batches ?? 0
    server.acknowledged = Math.max(server.acknowledged, halves.server.batches)
    server.told = Math.max(server.told, halves.server.batches)
    client.acknowledged = client.told = welcome.batches
    halves.client.batches = client.acknowledged
  }

  /** One that was written before must be the same; a new one is judged. */
  #wroteBatch(session: Session, side: Side, { data, number }: Numbered): void {
    const { seen, counts } = this.#init
    this.#checkTold(session, side)
    const { batches, reader } = session.said[side]
    const before = batches[number - 1]
    if (before !== undefined) {
      counts.replays += 1
      const isSame = Buffer.compare(before.bytes, data) === 0
      return this.#check(isSame, `the ${side} of ${session.name} wrote batch ${number} again, but not the same`)
    }
    this.#check(number === batches.length + 1, `the ${side} of ${session.name} left out batch ${batches.length + 1}`)
    const kept = this.#kept(session, side)
    if (kept > 0) this.#checkBound(session, side, kept)
    const records = reader.read(data)
    batches.push({ bytes: data, records })
    const isFull = this.#kept(session, side) >= this.#init.maxReplayBytes
    if (side === 'server' && !session.isKept && isFull) session.isOverrun = true
    const [own, other] = flowsOf(session, side)
    for (const record of records) {
      seen(session, side, 'wrote', record)
      own.sent(record)
      other.answered(record)
    }
  }

  /** Bytes that a side must keep, as the other has not said to have them. */
  #kept({ said, resumeMs }: Session, side: Side): number {
    if (resumeMs === 0) return 0
    const { batches, acknowledged } = said[side]
    let kept = 0
    for (const { bytes } of batches.slice(acknowledged)) kept += bytes.byteLength + BATCH_COST_BYTES
    return kept
  }

  /** What is kept is bounded, once the other side has shown that it acknowledges. */
  #checkBound(session: Session, side: Side, kept: number): void {
    const { maxReplayBytes } = this.#init
    if (side === 'server' && (!session.isKept || session.isOverrun)) return
    this.#check(kept < maxReplayBytes, `the ${side} of ${session.name} keeps ${kept} bytes, of ${maxReplayBytes}`)
  }

  /** Whoever has something to say, and was given a batch a while ago, has acknowledged that before. */
  #checkTold(session: Session, side: Side): void {
    const { taken, told, untoldSince } = session.said[otherSide(side)]
    if (session.resumeMs === 0 || taken === told || (side === 'server' && !session.isAcknowledging)) return
    const process = side === 'server' ? session.books.process : session.life.process
    const now = this.#init.now()
    const isInTime = now - untoldSince <= MAX_UNTOLD_MS || now - process.pausedUntil <= MAX_UNTOLD_MS
    this.#check(
      isInTime,
      `the ${side} of ${session.name} has had batch ${told + 1} for ${now - untoldSince} ms, and did not say so`,
    )
  }

  #checkAck(session: Session, side: Side, count: number): void {
    const { taken } = session.said[otherSide(side)]
    session.said[otherSide(side)].told = count
    this.#init.note(`the ${side} of ${session.name} says that it has ${count} batches`)
    this.#check(
      count <= taken,
      `the ${side} of ${session.name} says that it has ${count} batches, and was given ${taken}`,
    )
  }

  #got(connection: Connection, side: Side, frame: Numbered): void {
    const { session: sessionOf, parted, welcomed, listens } = this.#init
    const { type, data } = frame
    if (type === ERROR || type === DISCONN)
      return parted(connection, side, 'got', type === ERROR ? readError(data) : undefined)
    const session = sessionOf(connection)
    if (session === undefined) return
    if (type === WELCOME && side === 'client') {
      this.#newest.set(session, connection)
      return welcomed(connection, session)
    }
    if (!listens(session, connection, side)) return
    if (type === ACK) this.#gotAck(session, side, readAck(data))
    if (type === BATCH) this.#gotBatch(session, side, frame)
  }

  #gotAck(session: Session, side: Side, count: number): void {
    this.#init.note(`the ${side} of ${session.name} knows that ${count} batches were taken`)
    const said = session.said[side]
    said.acknowledged = Math.max(said.acknowledged, count)
    if (side === 'server') session.isAcknowledging = true
  }

  #gotBatch(session: Session, side: Side, { number }: Numbered): void {
    const said = session.said[otherSide(side)]
    const isNext = number === said.taken + 1
    this.#check(isNext, `the ${side} of ${session.name} was given batch ${number} after batch ${said.taken}`)
    if (!isNext) return
    if (said.told === said.taken) said.untoldSince = this.#init.now()
    said.taken = number
    const [own, other] = flowsOf(session, side)
    for (const record of said.batches[number - 1]?.records ?? []) {
      if (session.isOver[side]) return
      this.#init.seen(session, side, 'got', record)
      other.arrived(record)
      own.told(record)
    }
  }

  #half(connection: Connection): Halves {
    let halves = this.#halves.get(connection)
    if (halves !== undefined) return halves
    const now = this.#init.now()
    this.#halves.set(connection, (halves = { client: newHalf(now), server: newHalf(now), claim: undefined }))
    return halves
  }

  #check(isTrue: boolean, message: string): void {
    if (!isTrue) this.#init.violate('I24', message)
  }
}

/** What a side sends, and what it is sent. */
function flowsOf({ flows: { down, up } }: Session, side: Side): [own: Flow, other: Flow] {
  return side === 'server' ? [down, up] : [up, down]
}

/** Connections are numbered in the order of their attempts. */
function isBefore(one: Connection, other: Connection | undefined): boolean {
  return other !== undefined && Number(one.name.slice(1)) < Number(other.name.slice(1))
}
