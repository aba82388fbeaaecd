import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import type { Deadlines, Timed } from '../queue/deadlines.ts'
import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'

export interface Visitor {
  /** What those from one place have in common; none: they are not counted together. */
  readonly origin: string | undefined
}

export interface EntranceInit<V extends Visitor> {
  env: Pick<Env, 'afterPoll'>
  limits: Pick<Limits, 'maxHandshakes' | 'maxHandshakesPerAddress' | 'handshakeTimeoutMs'>
  /** The most that wait at a time. */
  maxWaiting: number
  deadlines: Deadlines
  /** It is somebody's turn; {@link Entrance.leave} follows. */
  enter: (visitor: V) => void
  /** Somebody had no turn in time, or there were too many. */
  refuse: (visitor: V, error: NetQueueError) => void
}

/** So many are sent away before the event loop has its turn again. */
const REFUSALS_IN_A_TURN = 16

/** Somebody who waits: a few dozen bytes, and what it came with. */
class Waiting<V extends Visitor> implements Linked, Timed {
  before: Linked = this
  after: Linked = this
  timer: Timer | undefined
  readonly visitor: V
  readonly place: Place<V>
  readonly #late: (waiting: Waiting<V>) => void

  constructor(visitor: V, place: Place<V>, late: (waiting: Waiting<V>) => void) {
    this.visitor = visitor
    this.place = place
    this.#late = late
  }

  timeIsUp(): void {
    this.#late(this)
  }
}

/** Those who came from one place. */
class Place<V extends Visitor> implements Linked {
  before: Linked = this
  after: Linked = this
  readonly origin: string | undefined
  readonly waiting: LinkedList<Waiting<V>> = new LinkedList()
  size = 0
  inside = 0

  constructor(origin: string | undefined) {
    this.origin = origin
  }
}

/**
 * Who may introduce itself now, and who waits: so many at a time, and so many of one place. The places take turns, and where too many wait,
 * those go who came last from where most come: a place pays for its own crowd.
 */
export class Entrance<V extends Visitor> {
  readonly #init: EntranceInit<V>
  /** Those from which somebody is inside, or waits. */
  readonly #places: Map<string | undefined, Place<V>> = new Map()
  /** Those from which somebody waits who may enter as soon as there is room, the one whose turn is next first. */
  readonly #turns: LinkedList<Place<V>> = new LinkedList()
  /** Those whose time is up, who are about to be refused. */
  #due: Waiting<V>[] = []
  #inside = 0
  #size = 0
  #isServing = false

  constructor(init: EntranceInit<V>) {
    this.#init = init
  }

  /** How many are in their introductions. */
  get inside(): number {
    return this.#inside
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** Somebody enters now, or when it is its turn, or is refused. */
  come(visitor: V): void {
    const place = this.#places.get(visitor.origin) ?? this.#found(visitor.origin)
    if (this.#inside < this.#init.limits.maxHandshakes && this.#isOpenTo(place)) return this.#enter(visitor, place)
    const { maxWaiting } = this.#init
    if (this.#size < maxWaiting || this.#makeRoom(place)) return this.#wait(visitor, place)
    this.#forget(place)
    this.#init.refuse(visitor, crowded(maxWaiting))
  }

  /** An introduction is over, however it ended. */
  leave({ origin }: Visitor): void {
    const place = this.#places.get(origin) as Place<V>
    place.inside -= 1
    this.#inside -= 1
    this.#line(place)
    this.#forget(place)
    // Whoever enters may leave at once: who comes after it is for the loop that let it in, not for one within that.
    if (!this.#isServing) this.#serve()
  }

  /** Refuses all who wait. */
  close(error: NetQueueError): void {
    for (const place of this.#places.values())
      for (let { first } = place.waiting; first !== undefined; { first } = place.waiting) this.#refuse(first, error)
  }

  #serve(): void {
    this.#isServing = true
    for (let place = this.#next(); place !== undefined; place = this.#next()) {
      const { visitor } = this.#take(place.waiting.first as Waiting<V>)
      this.#enter(visitor, place)
      this.#line(place)
    }
    this.#isServing = false
  }

  #next(): Place<V> | undefined {
    return this.#inside < this.#init.limits.maxHandshakes ? this.#turns.shift() : undefined
  }

  #enter(visitor: V, place: Place<V>): void {
    this.#inside += 1
    place.inside += 1
    this.#init.enter(visitor)
  }

  #wait(visitor: V, place: Place<V>): void {
    const waiting = new Waiting(visitor, place, this.#late)
    waiting.timer = this.#init.deadlines.set(waiting, this.#init.limits.handshakeTimeoutMs)
    place.waiting.push(waiting)
    place.size += 1
    this.#size += 1
    this.#line(place)
  }

  /** A crowd that came at once has its time at once, and comes again: it goes bit by bit, or everybody else would stand still meanwhile. */
  readonly #late = (waiting: Waiting<V>): void => {
    this.#due.push(waiting)
    if (this.#due.length === 1) this.#init.env.afterPoll(this.#sweep)
  }

  readonly #sweep = (): void => {
    const { limits, env } = this.#init
    const errors = {
      maxHandshakes: late(limits, 'maxHandshakes'),
      maxHandshakesPerAddress: late(limits, 'maxHandshakesPerAddress'),
    }
    // Whoever had its turn meanwhile does not wait any more.
    for (const waiting of this.#due.splice(0, REFUSALS_IN_A_TURN))
      if (isLinked(waiting))
        this.#refuse(waiting, errors[this.#isOpenTo(waiting.place) ? 'maxHandshakes' : 'maxHandshakesPerAddress'])
    if (this.#due.length > 0) env.afterPoll(this.#sweep)
  }

  #refuse(waiting: Waiting<V>, error: NetQueueError): void {
    this.#take(waiting)
    this.#forget(waiting.place)
    this.#init.refuse(waiting.visitor, error)
  }

  /** Somebody does not wait any more. */
  #take(waiting: Waiting<V>): Waiting<V> {
    const { place } = waiting
    waiting.timer?.cancel()
    unlink(waiting)
    place.size -= 1
    this.#size -= 1
    if (place.size === 0) unlink(place)
    return waiting
  }

  /** Has a place take its turns, where that is due. */
  #line(place: Place<V>): void {
    if (place.size > 0 && !isLinked(place) && this.#isOpenTo(place)) this.#turns.push(place)
  }

  /** Sends away who came last from where most wait, unless as many would then wait from the place for which there is to be room. */
  #makeRoom(newcomers: Place<V>): boolean {
    let crowd = newcomers
    for (const place of this.#places.values()) if (place.size > crowd.size) crowd = place
    if (crowd.size <= newcomers.size + 1) return false
    this.#refuse(crowd.waiting.last as Waiting<V>, crowded(this.#init.maxWaiting))
    return true
  }

  #isOpenTo({ origin, inside }: Place<V>): boolean {
    return origin === undefined || inside < this.#init.limits.maxHandshakesPerAddress
  }

  #found(origin: string | undefined): Place<V> {
    const place = new Place<V>(origin)
    this.#places.set(origin, place)
    return place
  }

  #forget({ origin, inside, size }: Place<V>): void {
    if (inside === 0 && size === 0) this.#places.delete(origin)
  }
}

function crowded(maxWaiting: number): NetQueueError {
  const message = `${maxWaiting} connections wait for their turn to be introduced already`
  return new NetQueueError('TOO_MANY_CONNECTIONS', message, { limit: 'maxWaiting', value: maxWaiting + 1 })
}

type Rule = 'maxHandshakes' | 'maxHandshakesPerAddress'

function late({ handshakeTimeoutMs, ...limits }: EntranceInit<Visitor>['limits'], rule: Rule): NetQueueError {
  const value = limits[rule]
  const where = rule === 'maxHandshakes' ? '' : ' from its address'
  const message = `A connection had no turn to be introduced within ${handshakeTimeoutMs} ms, behind others${where} (${rule} ${value})`
  return new NetQueueError('TOO_MANY_CONNECTIONS', message, { limit: rule, value: value + 1 })
}
