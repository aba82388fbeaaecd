import type { Env } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import { checkWait } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import { Waiter } from '../queue/waiter.ts'
import { tooManyWaiting } from '../request/failures.ts'
import { FreeClients } from './free-clients.ts'
import type { Candidate } from './free-clients.ts'

/** A client that can be asked. */
export interface Answerer {
  readonly isOpen: boolean
  /** Requests of ours that it has not answered. */
  readonly asking: number
  /** Whether it has a message of this name. */
  knows(name: string): boolean
}

export interface AnswerersInit {
  env: Env
  /** Requests that one client may have open at once. */
  maxRequests: number
  /** Calls that may wait for a client at once. */
  maxWaiting: number
}

/** A request that waits for somebody to answer it. */
class Asker<C> extends Waiter<C> {
  readonly name: string

  constructor(name: string, init: ConstructorParameters<typeof Waiter<C>>[0]) {
    super(init)
    this.name = name
  }
}

/** Who is to answer a request that is for nobody in particular: the client with the fewest open ones, of those that know what it asks for. */
export class Answerers<C extends Answerer> {
  readonly #init: AnswerersInit
  readonly #free: FreeClients<C> = new FreeClients()
  readonly #seats: Map<C, Candidate<C>> = new Map()
  readonly #line: LinkedList<Asker<C>> = new LinkedList()
  #waiting = 0

  constructor(init: AnswerersInit) {
    this.#init = init
  }

  join(client: C): void {
    this.#seats.set(client, this.#seatOf(client))
    this.changed(client)
  }

  leave(client: C): void {
    const seat = this.#seats.get(client)
    this.#seats.delete(client)
    if (seat !== undefined) this.#free.set(seat, false)
  }

  /** It has one request more or less, or takes none any more. */
  changed(client: C): void {
    const seat = this.#seats.get(client)
    if (seat === undefined) return
    this.#free.set(seat, seat.isOpen && seat.credit > 0)
    if (this.#waiting > 0) this.#serve()
  }

  /** Chooses one, or waits for one: `timeout` → `QUEUE_FULL`, `signal` → its reason. Throws `QUEUE_FULL` where too many wait already. */
  choose(name: string, wait: WaitOptions): C | Promise<C> {
    checkWait(wait)
    const chosen = this.#waiting === 0 ? this.#leastBusy(name) : undefined
    return chosen ?? this.#wait(name, wait)
  }

  /** All calls that wait are over. */
  close(error: NetQueueError): void {
    for (const asker of this.#line) {
      this.#leave(asker)
      asker.reject(error)
    }
  }

  #wait(name: string, wait: WaitOptions): Promise<C> {
    const { maxWaiting } = this.#init
    if (this.#waiting >= maxWaiting) throw tooManyWaiting(maxWaiting)
    const asker: Asker<C> = new Asker(name, {
      env: this.#init.env,
      wait,
      timedOut: () => nobodyAnswers(name, wait.timeout),
      withdrawn: () => (this.#waiting -= 1),
    })
    this.#line.push(asker)
    this.#waiting += 1
    this.#serve()
    return asker.promise
  }

  /** Those who have waited longest first; one whom nobody can answer keeps nobody up. */
  #serve(): void {
    for (const asker of this.#line) {
      if (this.#free.size === 0) return
      const client = this.#leastBusy(asker.name)
      if (client === undefined) continue
      this.#leave(asker)
      asker.resolve(client)
    }
  }

  #leave(asker: Asker<C>): void {
    unlink(asker)
    this.#waiting -= 1
  }

  #leastBusy(name: string): C | undefined {
    return this.#free.leastBusy(({ client }) => client.knows(name))?.client
  }

  #seatOf(client: C): Candidate<C> {
    const { maxRequests } = this.#init
    return {
      client,
      get credit() {
        return maxRequests - client.asking
      },
      get inFlight() {
        return client.asking
      },
      get isOpen() {
        return client.isOpen
      },
      isReady: true,
      isPaced: false,
      carries: () => true,
      assign: () => {},
    }
  }
}

function nobodyAnswers(name: string, timeout: number | undefined): NetQueueError {
  const message = `No client that knows ${JSON.stringify(name)} was free within ${timeout} ms (timeout)`
  return new NetQueueError('QUEUE_FULL', message, { limit: 'timeout', value: timeout, delivered: 'no' })
}
