import { EntryList, unlink } from '../delivery/entry.ts'
import type { Entry } from '../delivery/entry.ts'
import { NetQueueError } from '../errors/errors.ts'
import { FreeClients } from './free-clients.ts'
import type { Candidate } from './free-clients.ts'
import type { ChooseDispatch, DispatchPolicy } from './policies.ts'

export interface DispatcherInit<T, C> {
  policy: ChooseDispatch<T, C> | DispatchPolicy<T, C>
  /** An entry got a client. */
  assigned: (entry: Entry) => void
  /** The one client that an entry was addressed to is gone. */
  unreachable: (entry: Entry, id: string) => void
  warn: (error: NetQueueError) => void
}

/** From this attempt on an item is delivered alone, so that one that kills its workers takes no neighbours along. */
export const ALONE_FROM_ATTEMPT = 3

/** One client, and the entries that wait for it and no other. */
interface Place<C> {
  candidate: Candidate<C>
  addressed: EntryList
  /** It has an item that is delivered alone. */
  isAlone: boolean
}

/**
 * Hands entries to clients: keeps the backlog, knows who is free, asks the policy one entry at a time. Entries that the policy
 * parks are asked about again when credit, status or membership has changed, before the newer ones.
 */
export class Dispatcher<T, C> {
  readonly #init: DispatcherInit<T, C>
  readonly #free: FreeClients<C> = new FreeClients()
  readonly #places: Map<C, Place<C>> = new Map()
  readonly #fresh: EntryList = new EntryList()
  readonly #parked: EntryList = new EntryList()
  #size = 0
  #isBusy = false
  #clients: readonly C[] = []

  constructor(init: DispatcherInit<T, C>) {
    this.#init = init
  }

  /** Entries that wait for a client. */
  get size(): number {
    return this.#size
  }

  /** All connected clients, in the order in which they came. */
  get clients(): readonly C[] {
    return this.#clients
  }

  join(candidate: Candidate<C>): void {
    this.#places.set(candidate.client, { candidate, addressed: new EntryList(), isAlone: false })
    this.#clients = [...this.#places.keys()]
    this.changed(candidate)
  }

  leave(candidate: Candidate<C>): void {
    const place = this.#places.get(candidate.client)
    if (place === undefined) return
    this.#places.delete(candidate.client)
    this.#clients = [...this.#places.keys()]
    this.#free.set(candidate, false)
    this.#unpark()
    for (let entry = place.addressed.shift(); entry !== undefined; entry = place.addressed.shift()) this.#orphan(entry)
    this.#run()
  }

  /** Credit, load or status of a client changed. */
  changed(candidate: Candidate<C>): void {
    const place = this.#places.get(candidate.client)
    if (place === undefined) return
    if (candidate.inFlight === 0) place.isAlone = false
    this.#refresh(place)
    this.#unpark()
    this.#run()
  }

  /** Whether a new entry would have to wait behind others or for a client. */
  get wouldWait(): boolean {
    return this.#isBusy || this.#free.size === 0 || this.#fresh.first !== undefined
  }

  /** Adds an entry to the end of the backlog. */
  put(entry: Entry): void {
    this.#enter(entry)
    if (entry.target !== undefined) return this.#address(entry)
    this.#fresh.push(entry)
    this.#run()
  }

  /** Puts an entry back to the head of the backlog. */
  requeue(entry: Entry): void {
    this.#enter(entry)
    if (entry.target !== undefined) return this.#address(entry)
    this.#unpark()
    this.#fresh.unshift(entry)
    this.#run()
  }

  /** Takes out an entry that waits. */
  withdraw(entry: Entry): void {
    if (entry.state !== 'waiting') return
    entry.state = 'gone'
    unlink(entry)
    this.#size -= 1
  }

  /** Takes out all that waits, in order. */
  close(): Entry[] {
    const entries = [
      ...this.#parked,
      ...this.#fresh,
      ...[...this.#places.values()].flatMap(({ addressed }) => [...addressed]),
    ]
    for (const entry of entries) this.withdraw(entry)
    return entries
  }

  #enter(entry: Entry): void {
    entry.state = 'waiting'
    this.#size += 1
  }

  #address(entry: Entry): void {
    const place = this.#places.get(entry.target as C)
    if (place === undefined) return this.#orphan(entry)
    place.addressed.push(entry)
    this.#refresh(place)
  }

  /** An entry whose client is gone: it goes to another, unless it was meant for that one alone. */
  #orphan(entry: Entry): void {
    if (entry.target === undefined) return this.#fresh.push(entry)
    this.#size -= 1
    entry.state = 'gone'
    this.#init.unreachable(entry, entry.target.id)
  }

  /** Serves those who wait for this client, then says whether it is free for others. */
  #refresh(place: Place<C>): void {
    const { candidate, addressed } = place
    for (let entry = addressed.first; entry !== undefined; entry = addressed.first) {
      if (!this.#takes(place) || (isAlone(entry) && candidate.inFlight > 0)) break
      addressed.shift()
      this.#assign(place, entry)
    }
    this.#free.set(candidate, addressed.first === undefined && this.#takes(place))
  }

  #takes({ candidate, isAlone: hasLoner }: Place<C>): boolean {
    return candidate.isOpen && candidate.credit > 0 && candidate.isReady && !hasLoner
  }

  /** Entries that were parked come again, before those that came later. */
  #unpark(): void {
    this.#fresh.prepend(this.#parked)
  }

  #run(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    while (this.#free.size > 0) {
      const entry = this.#fresh.shift()
      if (entry === undefined) break
      const choice = this.#choose(entry)
      if (choice instanceof Promise) return void this.#await(entry, choice)
      this.#place(entry, choice)
    }
    this.#isBusy = false
  }

  /** Waits for a policy that takes its time; meanwhile the entry can still be withdrawn. */
  async #await(entry: Entry, choice: Promise<C | undefined>): Promise<void> {
    const client = await choice.catch((cause: unknown) => this.#failed(cause))
    this.#isBusy = false
    if (entry.state === 'waiting') {
      const hasVanished = client !== undefined && !this.#places.has(client)
      if (hasVanished) this.#fresh.unshift(entry)
      else this.#place(entry, client)
    }
    this.#run()
  }

  #choose(entry: Entry): C | undefined | Promise<C | undefined> {
    const context = { item: entry.item as T, clients: this.#clients }
    const { policy } = this.#init
    try {
      if (typeof policy === 'object') return policy.choose(this.#free, context, (candidate) => candidate.carries(entry))
      const able = [...this.#free].filter((candidate) => candidate.carries(entry)).map(({ client }) => client)
      return able.length === 0 ? undefined : policy(able, context)
    } catch (cause) {
      return this.#failed(cause)
    }
  }

  #place(entry: Entry, client: C | undefined): void {
    const place = client === undefined ? undefined : this.#places.get(client)
    if (place === undefined || !place.candidate.carries(entry)) return this.#parked.push(entry)
    const { candidate, addressed } = place
    if (addressed.first === undefined && this.#takes(place) && !(isAlone(entry) && candidate.inFlight > 0))
      this.#assign(place, entry)
    else addressed.push(entry)
    this.#refresh(place)
  }

  #assign(place: Place<C>, entry: Entry): void {
    this.#size -= 1
    if (isAlone(entry)) place.isAlone = true
    place.candidate.assign(entry)
    this.#init.assigned(entry)
  }

  #failed(cause: unknown): undefined {
    this.#init.warn(
      new NetQueueError(
        'DISPATCH_FAILED',
        'chooseDispatch failed; the item is asked about again when a client changes',
        { cause },
      ),
    )
  }
}

const isAlone = ({ attempt }: Entry): boolean => attempt >= ALONE_FROM_ATTEMPT
