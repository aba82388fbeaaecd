import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { RecentMap } from '../queue/recent-map.ts'
import type { ExchangeWriter, Mail } from './mail.ts'

/** The lane of one-way messages; behind it each channel has its own. What lanes are called on the wire is an affair of the protocol. */
export const MESSAGES = 0

export const laneOf = (channel: number): number => MESSAGES + 1 + channel

/** So much does not wait for the end of the turn: the peer can begin while this side still works. */
const FLUSHED_RECORDS = 64
const FLUSHED_BYTES = 49_152
/**
 * Requests and answers in one frame: half of those that are open, within these bounds. A frame is taken in one go, and only then does anything
 * leave that it brought about: with all that is open in one frame, each side would wait while the other works.
 */
const MIN_CALLS_IN_FRAME = 32
const MAX_CALLS_IN_FRAME = 128

export interface LanesInit {
  /** There is something to write. */
  wake: () => void
  /** There is a frame's worth to write. */
  flush: () => void
}

class Lane implements Linked {
  before: Linked = this
  after: Linked = this
  readonly mails: LinkedList<Mail> = new LinkedList()
}

/** What waits to be written, in order within a lane. Lanes take turns, record by record, so that none waits for another to run empty. */
export class Lanes {
  readonly #init: LanesInit
  readonly #lanes: Map<number, Lane> = new RecentMap()
  /** Those with mail, the one whose turn is next first. */
  #due: LinkedList<Lane> = new LinkedList()
  #records = 0
  #bytes = 0
  /** Requests and answers in the frame. */
  #calls = 0

  constructor(init: LanesInit) {
    this.#init = init
  }

  get isEmpty(): boolean {
    return this[Symbol.iterator]().next().done === true
  }

  /** Puts mail to the end of its lane. `bytes` are those that it adds to what waits. */
  post(number: number, mail: Mail, bytes = 0): void {
    const lane = this.#lane(number)
    lane.mails.push(mail)
    if (!isLinked(lane)) this.#due.push(lane)
    this.added(bytes)
  }

  /** Mail that is in its lane already has more to say. */
  added(bytes: number): void {
    this.#records += 1
    this.#bytes += bytes
    if (this.#records >= FLUSHED_RECORDS || this.#bytes >= FLUSHED_BYTES) this.#flush()
    this.#init.wake()
  }

  /** Writes until all is written or nothing more fits; tells whether all is. */
  fill(writer: ExchangeWriter): boolean {
    this.#records = 0
    this.#bytes = 0
    this.#calls = 0
    // Not only the frame may be full: a lane that has a long record under way takes no other, while other lanes do.
    const stalled: Lane[] = []
    for (let lane = this.#due.shift(); lane !== undefined; lane = this.#due.shift()) {
      if (!writeNext(lane, writer)) stalled.push(lane)
      else if (lane.mails.first !== undefined && !isLinked(lane)) this.#due.push(lane)
    }
    for (const lane of stalled) if (!isLinked(lane)) this.#due.push(lane)
    return stalled.length === 0
  }

  /** Counts a request, or the answer to one, of so many that are open into the frame; `false` when that has enough of them. */
  admitsCall(open: number): boolean {
    this.#calls += 1
    return this.#calls <= Math.min(MAX_CALLS_IN_FRAME, Math.max(MIN_CALLS_IN_FRAME, open >> 1))
  }

  /** Nothing will be written any more, and nothing that waits is kept. */
  close(): void {
    this.#lanes.clear()
    this.#due = new LinkedList()
  }

  /** What waits. */
  *[Symbol.iterator](): Generator<Mail> {
    for (const { mails } of this.#due) yield* mails
  }

  #lane(number: number): Lane {
    const known = this.#lanes.get(number)
    if (known !== undefined) return known
    const lane = new Lane()
    this.#lanes.set(number, lane)
    return lane
  }

  #flush(): void {
    this.#records = 0
    this.#bytes = 0
    this.#init.flush()
  }
}

/** Writes the oldest record of a lane; what was called off meanwhile has left it. */
function writeNext(lane: Lane, writer: ExchangeWriter): boolean {
  const mail = lane.mails.first
  if (mail === undefined) return true
  // Out first: mail that has more to say puts itself to the end again.
  unlink(mail)
  if (mail.write(writer)) return true
  lane.mails.unshift(mail)
  return false
}
