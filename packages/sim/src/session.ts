import type { Connection, Side } from './network.ts'
import type { Ledger } from './ledger.ts'
import type { Sequence } from './sequence.ts'
import type { Process } from './schedule.ts'
import type { RecordReader, WireRecord } from './wire.ts'
import type { Flows } from './wiretap.ts'
import type { Life } from './world.ts'

/** One server process, with what it has put. */
export interface Books {
  readonly process: Process
  readonly ledger: Ledger
  readonly sequence: Sequence
}

/** A BATCH as it was written first: it may be written again, byte for byte. */
export interface SentBatch {
  readonly bytes: Uint8Array
  readonly records: readonly WireRecord[]
}

/** What one side has said in a session, over all of its connections. */
export interface Said {
  readonly reader: RecordReader
  readonly batches: SentBatch[]
  /** How many of these the other side was given, and how many it has said to have, as their sender knows. */
  taken: number
  acknowledged: number
  /** How many of these the other side has written that it has, and since when it has one more. */
  told: number
  untoldSince: number
}

export interface SessionInit {
  life: Life
  books: Books
  /** The first one. */
  connection: Connection
  resumeMs: number
  said: Record<Side, Said>
  flows: (session: Session) => Flows
  now: () => number
}

/** One session of one client, as the simulator follows it: a conversation over one connection, or several. */
export class Session {
  /** The name of its first connection. */
  readonly name: string
  readonly life: Life
  readonly books: Books
  readonly said: Record<Side, Said>
  /** Milliseconds for which the server keeps it; 0: it ends with its connection. */
  readonly resumeMs: number
  readonly flows: Flows
  /** Which connection each side goes on with; none where that side has lost it. */
  readonly carriers: Record<Side, Connection | undefined>
  /** That side knows that the session is over. */
  readonly isOver: Record<Side, boolean> = { client: false, server: false }
  /** When that side lost its connection, where it has. */
  readonly suspendedAt: Record<Side, number | undefined> = { client: undefined, server: undefined }
  /** Its name on the wire, as the server says it. */
  id = ''
  /** DISCONN or ERROR was written or received by that side, or GOAWAY by the client: nobody goes on with it. */
  readonly hasParted: Record<Side, boolean> = { client: false, server: false }
  /** The server had as much to keep as it may before it had an ACK: it keeps nothing more, and says all the same what it was given. */
  isOverrun = false
  /** The server has an ACK of the client's. */
  isAcknowledging = false
  /** One of the two has said that it takes nothing new. */
  isLeaving = false
  /** It went on when the client may have given it up: it may have been too late. */
  isDoubtful = false
  /** Items that the client's user got in it. */
  handed = 0
  /** Items of the client's when the server lost the connection: an away client is given no more. */
  inFlightWhenAway = 0
  latest: Connection
  readonly #now: () => number

  constructor({ life, books, connection, resumeMs, said, flows, now }: SessionInit) {
    this.name = connection.name
    this.life = life
    this.books = books
    this.latest = connection
    this.resumeMs = resumeMs
    this.said = said
    this.carriers = { client: undefined, server: connection }
    this.#now = now
    this.flows = flows(this)
  }

  /** The server keeps what it says: it has an ACK of the client's, in time. */
  get isKept(): boolean {
    return this.isAcknowledging && !this.isOverrun
  }

  /** Nothing more is to be expected of it. */
  get isGone(): boolean {
    const { isOver, life, books, resumeMs, latest } = this
    if (isOver.client || isOver.server || life.process.isDead || books.process.isDead) return true
    return resumeMs === 0 && latest.isOver
  }

  /** Whether that side may have given it up: the client tells nobody when it waits no more. */
  mayBeOver(side: Side): boolean {
    if (this.isOver[side] || (side === 'client' && this.isDoubtful)) return true
    const since = this.suspendedAt[side]
    return since !== undefined && this.#now() - since >= this.resumeMs - EARLY_MS
  }
}

/** What sums of fractions may be off. */
const EARLY_MS = 1e-6
