import type { Flow } from './flow.ts'
import type { Violate } from './invariants.ts'
import type { Connection, Observer, Side } from './network.ts'
import { WireReader } from './wire.ts'
import type { WireRecord } from './wire.ts'

/** Both directions of one connection, as they are judged. */
export interface Flows {
  /** Server to client. */
  down: Flow
  up: Flow
}

export interface WiretapInit {
  flows: (connection: Connection) => Flows
  /** A side has written a record, or was given one of the other's. */
  seen: (connection: Connection, side: Side, what: 'wrote' | 'got', record: WireRecord) => void
  violate: Violate
  /** Whether that side still listens: what it is given after it gave the connection up means nothing. */
  listens: (connection: Connection, side: Side) => boolean
}

interface Half {
  reader: WireReader
  frames: { end: number; records: WireRecord[] }[]
  read: number
}

const newHalf = (): Half => ({ reader: new WireReader(), frames: [], read: 0 })

/** Reads along on every connection, and tells both directions' judges what was written and what was received. */
export class Wiretap implements Observer {
  readonly #init: WiretapInit
  readonly #halves: Map<Connection, Record<Side, Half>> = new Map()

  constructor(init: WiretapInit) {
    this.#init = init
  }

  written(connection: Connection, side: Side, bytes: Uint8Array): void {
    const half = this.#half(connection, side)
    const frames = half.reader.push(bytes.slice())
    half.frames.push(...frames)
    const { down, up } = this.#init.flows(connection)
    const [own, other] = side === 'server' ? [down, up] : [up, down]
    for (const record of frames.flatMap(({ records }) => records)) {
      this.#init.seen(connection, side, 'wrote', record)
      own.sent(record)
      other.answered(record)
    }
  }

  runaway({ name }: Connection, side: Side): void {
    this.#init.violate('I12', `the ${side} of ${name} writes without end`)
  }

  read(connection: Connection, side: Side, length: number): void {
    const half = this.#half(connection, side === 'server' ? 'client' : 'server')
    half.read += length
    const { down, up } = this.#init.flows(connection)
    const [own, other] = side === 'server' ? [down, up] : [up, down]
    for (let frame = half.frames[0]; frame !== undefined && frame.end <= half.read; frame = half.frames[0]) {
      half.frames.shift()
      for (const record of frame.records) {
        if (!this.#init.listens(connection, side)) return
        this.#init.seen(connection, side, 'got', record)
        other.arrived(record)
        own.told(record)
      }
    }
  }

  #half(connection: Connection, side: Side): Half {
    let halves = this.#halves.get(connection)
    if (halves === undefined) this.#halves.set(connection, (halves = { client: newHalf(), server: newHalf() }))
    return halves[side]
  }
}
