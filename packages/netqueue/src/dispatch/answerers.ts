import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { isLinked, LinkedList, unlink } from '../queue/linked-list.ts'
import { RecentMap } from '../queue/recent-map.ts'
import { checkWait } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { tooManyWaiting } from '../request/failures.ts'
import { Asker } from './asker.ts'
import type { Question as Asked } from './asker.ts'
import { FreeClients } from './free-clients.ts'
import type { Candidate } from './free-clients.ts'

/** A client that can be asked. */
export interface Answerer {
  readonly isOpen: boolean
  /** Requests of ours that it has, and those that wait for it; also those whose answers nobody waits for any more. */
  readonly requests: number
  /** Requests of ours that it takes at once. */
  readonly maxRequests: number
  /** Whether it has a message of this name. */
  knows(name: string): boolean
  /** Until when it is passed over for this name, as it has said that it does not handle it; `undefined`: it has not. */
  refusesUntil(name: string): number | undefined
}

export interface AnswerersInit {
  env: Env
  /** Calls that may wait for a client at once. */
  maxWaiting: number
}

/** A client among those that are free, by the requests that it had not answered when it was looked at. */
class Seat<C extends Answerer> implements Candidate<C> {
  readonly client: C
  readonly isReady = true
  readonly isPaced = false
  /** Whether it takes one more, not how many: where that is many, the least busy is found only by about how many it has. */
  credit = 0
  inFlight = 0

  constructor(client: C) {
    this.client = client
  }

  /** It takes one more. */
  get isFree(): boolean {
    return this.credit > 0
  }

  get isOpen(): boolean {
    return this.client.isOpen
  }

  look(): void {
    const { requests, maxRequests } = this.client
    this.inFlight = requests
    this.credit = requests < maxRequests && this.isOpen ? 1 : 0
  }

  carries(): boolean {
    return true
  }

  assign(): void {}
}

/** A request for whoever can answer it. */
export interface Wanted<C> {
  readonly name: string
  /** Whether a client that knows the name takes this one. */
  readonly fits: (client: C) => boolean
}

/** One that can wait until there is somebody. */
export interface Question<C, R = unknown> extends Wanted<C>, Asked<C, R> {
  /** Milliseconds that it may take in all, as its error has them. */
  readonly timeout: number
}

/** Who is to answer a request that is for nobody in particular: the client with the fewest open ones, of those that know what it asks for. */
export class Answerers<C extends Answerer> {
  readonly #init: AnswerersInit
  readonly #free: FreeClients<C> = new FreeClients()
  readonly #seats: Map<C, Seat<C>> = new RecentMap()
  readonly #line: LinkedList<Asker<C, Question<C>>> = new LinkedList()
  /** How many of those wait for each name. */
  readonly #wanted: Map<string, number> = new Map()
  #waiting = 0
  /** Those who are free anew; the first one is being asked. */
  readonly #due: Set<C> = new Set()
  #end: NetQueueError | undefined

  constructor(init: AnswerersInit) {
    this.#init = init
  }

  join(client: C): void {
    this.#seats.set(client, new Seat(client))
    this.changed(client)
  }

  leave(client: C): void {
    const seat = this.#seats.get(client)
    this.#seats.delete(client)
    if (seat !== undefined) this.#free.set(seat, false)
    // Whoever waited for it may now have to do with somebody who has refused.
    if (this.#waiting > 0) for (const other of this.#seats.keys()) this.changed(other)
  }

  /** It has one request more or less, or takes none any more. */
  changed(client: C): void {
    const seat = this.#seats.get(client)
    if (seat === undefined) return
    seat.look()
    this.#free.set(seat, seat.isFree)
    // Not for whoever nobody waits for: that would look through all who wait, as often as such a client wants it.
    if (seat.isFree && this.#waiting > 0 && this.#isWanted(client)) this.#serve(client)
  }

  /** The one to be asked now. None of those who wait is overtaken: they could not be asked of anybody who is free. Nobody after the end. */
  free(wanted: Wanted<C>): C | undefined {
    const handler = this.handler(wanted)
    if (handler !== undefined || this.#end !== undefined || this.isHandled(wanted)) return handler
    const { name, fits } = wanted
    return this.#free.leastBusy(({ client }) => client.knows(name) && fits(client))?.client
  }

  /** The same, of those alone that handle it, as far as is known. */
  handler({ name, fits }: Wanted<C>): C | undefined {
    if (this.#end !== undefined) return undefined
    return this.#free.leastBusy(({ client }) => this.#handles(client, name) && fits(client))?.client
  }

  /**
   * Has one asked when there is one, and gives what `ask` gives: `timeout` → `TIMEOUT`, `signal` → its reason. Throws `QUEUE_FULL` where
   * too many wait already.
   */
  wait<R>(question: Question<C, R>, wait: WaitOptions): Promise<Awaited<R>> {
    checkWait(wait)
    if (this.#end !== undefined) throw this.#end
    const { maxWaiting } = this.#init
    const { name, timeout } = question
    if (this.#waiting >= maxWaiting) throw tooManyWaiting(maxWaiting)
    const asker = new Asker<C, Question<C>>(question, {
      env: this.#init.env,
      wait,
      timedOut: () => nobodyAnswers(name, timeout),
      withdrawn: () => this.#count(name, -1),
    })
    this.#line.push(asker)
    this.#count(name, 1)
    return asker.promise as Promise<Awaited<R>>
  }

  /** All calls that wait are over, and those that come. */
  close(error: NetQueueError): void {
    this.#end = error
    for (const asker of this.#line) {
      this.#leave(asker)
      asker.reject(error)
    }
  }

  /** Has a client asked that is free anew. Nobody else could be: those who wait would not wait. */
  #serve(client: C): void {
    if (this.#due.has(client)) return
    this.#due.add(client)
    if (this.#due.size > 1) return
    for (const next of this.#due) {
      let isAsked = false
      while (!isAsked) isAsked = this.#askAll(next)
      this.#due.delete(next)
    }
  }

  /** Those who have waited longest first. `false` where it has to begin anew. */
  #askAll(client: C): boolean {
    const seat = this.#seats.get(client)
    for (const asker of this.#line) {
      const { after } = asker
      seat?.look()
      if (this.#end !== undefined || seat?.isFree !== true) break
      const { name, fits } = asker.question
      if (!client.knows(name) || !fits(client)) continue
      if (this.#handles(client, name) || !this.isHandled(asker.question)) this.#begin(asker, client)
      // Whoever encodes the payload may fire a signal, and those who share it leave: the next one leads nowhere then. To walk a copy would cost too much.
      if (!isLinked(after)) return false
    }
    return true
  }

  #begin(asker: Asker<C, Question<C>>, client: C): void {
    this.#leave(asker)
    asker.begin(client)
  }

  #leave(asker: Asker<C, Question<C>>): void {
    unlink(asker)
    this.#count(asker.question.name, -1)
  }

  #count(name: string, change: 1 | -1): void {
    const count = (this.#wanted.get(name) ?? 0) + change
    this.#waiting += change
    if (count > 0) this.#wanted.set(name, count)
    else this.#wanted.delete(name)
  }

  #isWanted(client: C): boolean {
    for (const name of this.#wanted.keys()) if (client.knows(name)) return true
    return false
  }

  /** Whether somebody, busy or not, handles it, as far as is known. */
  isHandled({ name, fits }: Wanted<C>): boolean {
    for (const client of this.#seats.keys()) if (this.#handles(client, name) && fits(client)) return true
    return false
  }

  #handles(client: C, name: string): boolean {
    if (!client.knows(name)) return false
    const until = client.refusesUntil(name)
    return until === undefined || until <= this.#init.env.now()
  }
}

function nobodyAnswers(name: string, timeout: number): NetQueueError {
  const message = `No client that knows ${JSON.stringify(name)} was free within ${timeout} ms (timeout)`
  return new NetQueueError('TIMEOUT', message, { limit: 'timeout', value: timeout, delivered: 'no' })
}
