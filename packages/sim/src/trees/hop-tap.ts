import type { Connection, Observer, Side } from '../network.ts'
import { BATCH, DISCONN, ERROR, FrameReader, readError, readWelcome, RecordReader, WELCOME } from '../wire.ts'
import type { Frame, Welcome, WireRecord } from '../wire.ts'
import type { HopFlow } from './hop-flow.ts'

/** What one side has said in a session, over all of its connections. */
interface Said {
  readonly reader: RecordReader
  readonly batches: (readonly WireRecord[])[]
  /** How many of these the other side was given. */
  taken: number
}

/** One session between a node and the one above it. */
export interface HopSession {
  readonly name: string
  readonly id: string
  /** The connection with which it began. */
  readonly first: Connection
  readonly said: Record<Side, Said>
  readonly down: HopFlow
  readonly up: HopFlow
  /** Which connection each side goes on with. */
  readonly carriers: Record<Side, Connection | undefined>
  /** Since when that side has none. */
  readonly awaySince: Record<Side, number>
  /** That side knows that it is over. */
  readonly isOver: Record<Side, boolean>
}

export interface HopTapInit {
  /** The name of the place whose clients these are. */
  at: string
  flows: (name: string, connection: Connection) => Pick<HopSession, 'down' | 'up'>
  /** A client knows that it is let in. */
  welcomed: (connection: Connection, session: HopSession) => void
  /** A side has written a record, or was given one; called before the books know of it. */
  seen: (session: HopSession, side: Side, what: 'wrote' | 'got', record: WireRecord) => void
  parted: (connection: Connection, side: Side, what: 'wrote' | 'got', error: string | undefined) => void
  runaway: (connection: Connection, side: Side) => void
}

type Numbered = Frame & { number: number }

interface Half {
  readonly reader: FrameReader
  readonly frames: Numbered[]
  read: number
  batches: number
}

interface Halves extends Record<Side, Half> {
  claim: Welcome['resume']
}

const newHalf = (): Half => ({ reader: new FrameReader(), frames: [], read: 0, batches: 0 })
const newSaid = (): Said => ({ reader: new RecordReader(), batches: [], taken: 0 })
const otherSide = (side: Side): Side => (side === 'client' ? 'server' : 'client')

/** Reads along on all connections to one node, over which its sessions go on: each record is told once when it is written, and once when it is read. */
export class HopTap implements Observer {
  readonly sessions: Map<string, HopSession> = new Map()
  readonly #init: HopTapInit
  readonly #halves: Map<Connection, Halves> = new Map()
  readonly #byConnection: Map<Connection, HopSession> = new Map()

  constructor(init: HopTapInit) {
    this.#init = init
  }

  of(connection: Connection): HopSession | undefined {
    return this.#byConnection.get(connection)
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

  runaway(connection: Connection, side: Side): void {
    this.#init.runaway(connection, side)
  }

  read(connection: Connection, side: Side, length: number): void {
    const half = this.#half(connection)[otherSide(side)]
    half.read += length
    for (let frame = half.frames[0]; frame !== undefined && frame.end <= half.read; frame = half.frames[0]) {
      half.frames.shift()
      this.#got(connection, side, frame)
    }
  }

  #wrote(connection: Connection, side: Side, frame: Numbered): void {
    const { type, data } = frame
    if (type === ERROR || type === DISCONN)
      return this.#init.parted(connection, side, 'wrote', type === ERROR ? readError(data) : undefined)
    if (type === WELCOME && side === 'client') this.#half(connection).claim = readWelcome(data).resume
    if (type === WELCOME && side === 'server') this.#letIn(connection, readWelcome(data))
    const session = this.of(connection)
    if (type === BATCH && session !== undefined) this.#wroteBatch(session, side, frame)
  }

  /** The server says how it goes on: with a session that both have, or with a new one. */
  #letIn(connection: Connection, welcome: Welcome): void {
    const halves = this.#half(connection)
    const known = this.sessions.get(welcome.session ?? '')
    const session = known ?? this.#newSession(connection, welcome.session ?? '')
    session.carriers.server = connection
    this.#byConnection.set(connection, session)
    if (known === undefined) return
    halves.server.batches = halves.claim?.batches ?? 0
    halves.client.batches = welcome.batches
  }

  #newSession(connection: Connection, id: string): HopSession {
    const name = `${this.#init.at}/${connection.name}`
    const session: HopSession = {
      name,
      id,
      first: connection,
      said: { client: newSaid(), server: newSaid() },
      ...this.#init.flows(name, connection),
      carriers: { client: undefined, server: undefined },
      awaySince: { client: 0, server: 0 },
      isOver: { client: false, server: false },
    }
    this.sessions.set(id, session)
    return session
  }

  /** One that was written before says nothing new. */
  #wroteBatch(session: HopSession, side: Side, { data, number }: Numbered): void {
    const { batches, reader } = session.said[side]
    if (number <= batches.length) return
    const records = reader.read(data)
    batches.push(records)
    const [own, other] = flowsOf(session, side)
    for (const record of records) {
      this.#init.seen(session, side, 'wrote', record)
      own.sent(record)
      other.answered(record)
    }
  }

  #got(connection: Connection, side: Side, frame: Numbered): void {
    const { type, data } = frame
    if (type === ERROR || type === DISCONN)
      return this.#init.parted(connection, side, 'got', type === ERROR ? readError(data) : undefined)
    const session = this.of(connection)
    if (session === undefined) return
    if (type === WELCOME && side === 'client') {
      this.#init.welcomed(connection, session)
      session.carriers.client = connection
    }
    if (type === BATCH && session.carriers[side] === connection) this.#gotBatch(session, side, frame)
  }

  #gotBatch(session: HopSession, side: Side, { number }: Numbered): void {
    const said = session.said[otherSide(side)]
    if (number !== said.taken + 1) return
    said.taken = number
    const [own, other] = flowsOf(session, side)
    for (const record of said.batches[number - 1] ?? []) {
      if (session.isOver[side]) return
      this.#init.seen(session, side, 'got', record)
      other.arrived(record)
      own.told(record)
    }
  }

  #half(connection: Connection): Halves {
    let halves = this.#halves.get(connection)
    if (halves !== undefined) return halves
    this.#halves.set(connection, (halves = { client: newHalf(), server: newHalf(), claim: undefined }))
    return halves
  }
}

/** What a side sends, and what it is sent. */
function flowsOf({ down, up }: HopSession, side: Side): [own: HopFlow, other: HopFlow] {
  return side === 'server' ? [down, up] : [up, down]
}
