import type { Entry } from '../delivery/entry.ts'
import type { Env } from '../env/env.ts'
import { isLinked, unlink } from '../queue/linked-list.ts'
import type { LinkedList } from '../queue/linked-list.ts'
import { isThenable } from '../queue/thenable.ts'
import { Chooser } from './chooser.ts'
import type { ChooserInit } from './chooser.ts'
import { FreeClients } from './free-clients.ts'
import type { Candidate } from './free-clients.ts'
import { Line } from './line.ts'
import { byRank, Ranks } from './ranks.ts'
import { Row } from './row.ts'
import { Rush } from './rush.ts'
import { isAlone } from './seat.ts'
import type { Seat } from './seat.ts'
import { Seats } from './seats.ts'
import { Unfit } from './unfit.ts'

/** Entries that may wait for one client, or for a change, before they count against what all others take. */
const MAX_ASIDE = 64

export interface DispatcherInit<T, C> extends ChooserInit<T, C> {
  env: Pick<Env, 'afterPoll'>
  /** An entry got a client. */
  assigned: (entry: Entry) => void
  /** Whom an entry was addressed to is gone. */
  unreachable: (entry: Entry) => void
}

/**
 * Hands entries to clients: keeps the backlog, knows who is free, asks the policy one entry at a time. Entries that the policy
 * parks are asked about again when credit, status or membership has changed, before the newer ones: at once, and if more changes in the same
 * turn of the event loop, once behind all of it. Entries that nobody free can be given wait until one that can be given them is free.
 */
export class Dispatcher<T, C> {
  readonly #init: DispatcherInit<T, C>
  readonly #free: FreeClients<C> = new FreeClients()
  readonly #seats: Seats<C> = new Seats()
  readonly #ranks: Ranks = new Ranks()
  readonly #line: Line = new Line()
  readonly #parked: Line = new Line()
  readonly #unfit: Unfit<C> = new Unfit()
  #size = 0
  #isBusy = false
  #isClosed = false
  /** What the policy is thinking about. */
  #asked: Entry | undefined
  readonly #chooser: Chooser<T, C>
  readonly #row: Row<Seat<C>> = new Row()
  readonly #rush: Rush
  /** Counts whatever a policy may choose by. */
  #changes = 0
  /** Whether the end of this turn of the event loop is waited for: what was parked has been asked about in it, or a client altered. */
  #isTurning = false
  /** What was parked is asked about when this turn is over. */
  #isDue = false
  /** Clients that begin anew then to look for what they can be given. */
  readonly #altered: Set<Seat<C>> = new Set()
  /** Told when clients may take more, or fewer, than before. */
  #watcher: (() => void) | undefined

  constructor(init: DispatcherInit<T, C>) {
    this.#init = init
    this.#chooser = new Chooser(init, this.#free)
    this.#rush = new Rush(init.env, () => this.#row.end())
  }

  /** Entries that wait for a client. */
  get size(): number {
    return this.#size
  }

  /**
   * Items that clients take now, beyond those that wait for them; below 0 where more wait than they take. Some that wait for one client alone, that the
   * policy has parked, or that nobody free can be given, are nobody else's matter; where they are many, they count as well.
   */
  get room(): number {
    const inLine = this.#line.count() + (this.#asked?.state === 'waiting' ? 1 : 0)
    return this.#free.credit - inLine - Math.max(0, this.#size - inLine - MAX_ASIDE)
  }

  /** Whether anybody takes something, be it later: some client has given credit that is not used, or has something in hand. */
  get isTaken(): boolean {
    if (this.#isClosed) return false
    return this.#seats.members.candidates.some(({ isOpen, credit, inFlight }) => isOpen && (credit > 0 || inFlight > 0))
  }

  /** Whether nothing is handed out any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Items that clients have, and take now. */
  get capacity(): number {
    return this.#seats.members.candidates.reduce((sum, { credit, inFlight }) => sum + credit + inFlight, 0)
  }

  /** Those that wait for whoever is free, the newest first. */
  get unclaimed(): Entry[] {
    return this.#unaddressed.toReversed()
  }

  /** All that wait, in order. */
  get waiting(): Entry[] {
    const asked = this.#asked?.state === 'waiting' ? [this.#asked] : []
    return [...asked, ...this.#unaddressed, ...this.#seats.addressed]
  }

  /** Has somebody told when {@link room} may have changed other than by what it puts. */
  watch(watcher: () => void): void {
    this.#watcher = watcher
  }

  /** All connected clients, in the order in which they came. */
  get clients(): readonly C[] {
    return this.#seats.members.clients
  }

  join(candidate: Candidate<C>): void {
    this.#seats.join(candidate)
    this.changed(candidate)
  }

  leave(candidate: Candidate<C>): void {
    const seat = this.#seats.leave(candidate)
    if (seat === undefined) return
    this.#row.end()
    this.#free.set(candidate, false)
    seat.isFree = false
    this.#unfit.left(seat)
    this.#reconsider()
    for (const orphan of this.#orphans(seat)) this.#line.unshift(orphan)
    this.advance()
    this.#watcher?.()
  }

  /** A client may be given other items than before. Whatever else of it has changed is told by {@link changed}. */
  altered({ client }: Candidate<C>): void {
    const seat = this.#seats.of(client)
    if (seat === undefined || this.#unfit.size === 0) return
    if (this.#isTurning) this.#altered.add(seat)
    else this.#unfit.altered(seat)
    this.#watchTurn()
  }

  /** Credit, load or status of a client changed. */
  changed(candidate: Candidate<C>): void {
    const seat = this.#seats.of(candidate.client)
    if (seat === undefined) return
    this.#row.end()
    if (candidate.inFlight === 0) {
      seat.isAlone = false
      this.#freeLonersFor(seat)
    }
    this.#refresh(seat)
    this.#reconsider()
    this.advance()
    this.#watcher?.()
  }

  /** Nodes below a client are gone: what waits for one of them waits for nobody. */
  pruned({ client }: Candidate<C>): void {
    const seat = this.#seats.of(client)
    if (seat === undefined) return
    for (const entry of seat.addressed) if (entry.isLost) this.#strand(entry)
    this.#shortened(seat)
  }

  /** Whether a new entry would have to wait behind others or for a client. */
  get wouldWait(): boolean {
    return this.#isBusy || this.#free.size === 0 || this.#line.first !== undefined
  }

  /** Whether an entry is for whoever is free, or for somebody who is not gone. */
  reaches(entry: Entry): boolean {
    return entry.target === undefined || this.#seats.for(entry) !== undefined
  }

  /** Adds an entry to the end of the backlog. */
  put(entry: Entry): void {
    this.#rush.came()
    if (this.#continueRow(entry)) return
    this.#enter(entry, this.#ranks.came())
    if (entry.target !== undefined) return this.#address(entry, (list) => list.push(entry))
    if (!this.wouldWait) return this.#advance(entry)
    this.#line.push(entry)
    this.advance()
  }

  /** Puts an entry back to the head of the backlog, before all that has not come back, to be handed out by {@link advance}. */
  requeue(entry: Entry): void {
    this.#enter(entry, this.#ranks.cameBack())
    if (entry.target !== undefined) return this.#address(entry, (list) => list.unshift(entry))
    this.#line.unshift(entry)
    this.#watcher?.()
  }

  /** Hands out what waits, as far as clients are free. */
  advance(): void {
    if (!this.#isBusy) this.#advance(this.#next())
  }

  /** Takes out an entry that waits here; tells whether it did. */
  withdraw(entry: Entry): boolean {
    if (entry.state !== 'waiting' || !this.#isHere(entry)) return false
    const seat = this.#seats.before(entry)
    this.#takeOut(entry)
    if (seat !== undefined) this.#shortened(seat)
    this.#watcher?.()
    return true
  }

  /** Takes out all that waits, in order. */
  close(): Entry[] {
    this.#isClosed = true
    const entries = this.waiting
    for (const entry of entries) this.#takeOut(entry)
    this.#watcher?.()
    return entries
  }

  #advance(first: Entry | undefined): void {
    this.#isBusy = true
    for (let entry = first; entry !== undefined; entry = this.#next()) {
      this.#asked = entry
      const choice = this.#chooser.choose(entry, this.#seats.members)
      if (isThenable(choice)) return void this.#await(entry, choice)
      this.#asked = undefined
      // Whoever was asked may have given it up, or closed all.
      if (entry.state === 'waiting') this.#give(entry, choice)
    }
    this.#isBusy = false
  }

  #next(): Entry | undefined {
    if (this.#free.size === 0) return undefined
    const { first } = this.#line
    const fit = this.#unfit.find()
    if (fit === undefined || (first !== undefined && first.rank < fit.rank)) return this.#line.shift()
    this.#unfit.delete(fit)
    return fit
  }

  #enter(entry: Entry, rank: number): void {
    entry.state = 'waiting'
    entry.rank = rank
    this.#size += 1
  }

  #takeOut(entry: Entry): void {
    entry.state = 'gone'
    if (this.#unfit.has(entry)) this.#unfit.delete(entry)
    else unlink(entry)
    this.#size -= 1
  }

  #isHere(entry: Entry): boolean {
    return isLinked(entry) || this.#unfit.has(entry) || entry === this.#asked
  }

  /** Entries that wait for no client in particular and are not being asked about, in order. */
  get #unaddressed(): Entry[] {
    return [...this.#unfit, ...this.#parked, ...this.#line].toSorted(byRank)
  }

  /** Something does not wait for a client any more, which may be free now. */
  #shortened(seat: Seat<C>): void {
    this.#refresh(seat)
    this.advance()
  }

  #address(entry: Entry, enter: (addressed: LinkedList<Entry>) => void): void {
    const seat = this.#seats.for(entry)
    if (seat === undefined) return this.#strand(entry)
    enter(seat.addressed)
    this.#refresh(seat)
  }

  /** Takes out the entries that waited for a client that is gone, the last one first, without those that were meant for it alone. */
  #orphans({ addressed }: Seat<C>): Entry[] {
    for (const entry of addressed) if (entry.target !== undefined) this.#strand(entry)
    const orphans = [...addressed].toReversed()
    for (const orphan of orphans) unlink(orphan)
    return orphans
  }

  /** Whom an entry was for is gone. */
  #strand(entry: Entry): void {
    this.#takeOut(entry)
    this.#init.unreachable(entry)
  }

  /** Serves those who wait for this client, then says whether it is free for others. */
  #refresh(seat: Seat<C>): void {
    this.#row.end()
    const isWaitedFor = seat.addressed.first !== undefined && !this.#serve(seat)
    if (seat.loner !== undefined && !this.#takes(seat)) this.#freeLoner(seat)
    const isFree = !isWaitedFor && this.#takes(seat)
    this.#free.set(seat.candidate, isFree)
    if (isFree === seat.isFree) return
    seat.isFree = isFree
    if (isFree) this.#unfit.freed(seat)
    else this.#unfit.taken(seat)
  }

  /** Gives a client what waits for it; tells whether nothing does that it can have. A relay may lose the one below it that took what is long, and get another. */
  #serve(seat: Seat<C>): boolean {
    const { candidate, addressed } = seat
    for (const entry of addressed) {
      if (!candidate.carries(entry)) continue
      if (!this.#takes(seat) || (isAlone(entry, candidate) && candidate.inFlight > 0)) return false
      unlink(entry)
      this.#assign(seat, entry)
    }
    return true
  }

  /** What waits until its client has nothing else is for whoever comes next, when that client takes nothing more: it may have left for good. */
  #freeLoner(seat: Seat<C>): void {
    const { loner } = seat
    this.#seats.setLoner(seat, undefined)
    // One that was withdrawn is nowhere.
    if (loner?.state !== 'waiting') return
    unlink(loner)
    this.#line.unshift(loner)
  }

  /** Who has nothing can have at once what waits until somebody else has nothing. */
  #freeLonersFor(idle: Seat<C>): void {
    const { withLoner } = this.#seats
    if (withLoner.length === 0 || idle.addressed.first !== undefined || !this.#takes(idle)) return
    for (const seat of withLoner) {
      this.#freeLoner(seat)
      this.#refresh(seat)
    }
  }

  #takes({ candidate, isAlone: hasLoner }: Seat<C>): boolean {
    return candidate.isOpen && candidate.credit > 0 && !hasLoner && this.#chooser.isReady(candidate)
  }

  /** Something has changed by which a policy may choose: those that it has parked are asked about again. */
  #reconsider(): void {
    this.#changes += 1
    if (this.#isTurning) this.#isDue = true
    else this.#unpark()
  }

  /** Entries that were parked come again, before those that came later. */
  #unpark(): void {
    if (this.#parked.first === undefined) return
    this.#line.prepend(this.#parked)
    this.#watchTurn()
  }

  #watchTurn(): void {
    if (!this.#isTurning) this.#init.env.afterPoll(this.#turned)
    this.#isTurning = true
  }

  /** A peer may tell of thousands of changes in one piece: to look through all that waits at each of them would hold up everybody. */
  readonly #turned = (): void => {
    this.#isTurning = false
    const altered = [...this.#altered]
    if (!this.#isDue && altered.length === 0) return
    this.#altered.clear()
    if (this.#isDue) this.#unpark()
    this.#isDue = false
    this.advance()
    for (const seat of altered) {
      this.#unfit.altered(seat)
      this.advance()
    }
    this.#watcher?.()
  }

  /** Waits for a policy that takes its time; meanwhile the entry can still be withdrawn. */
  async #await(entry: Entry, choice: PromiseLike<C | undefined>): Promise<void> {
    const { membership } = this.#seats
    const changes = this.#changes
    const client = await Promise.resolve(choice).catch((cause: unknown) => this.#chooser.failed(cause))
    this.#asked = undefined
    this.#isBusy = false
    if (entry.state === 'waiting') {
      // One that was gone before the question is no reason to ask again: the answer would be the same, for ever.
      const hasVanished =
        client !== undefined && this.#seats.of(client) === undefined && membership !== this.#seats.membership
      if (hasVanished) this.#line.unshift(entry)
      else this.#give(entry, client, { isStale: changes !== this.#changes })
    }
    this.advance()
    // It may wait for one client alone now, and leave room for others.
    this.#watcher?.()
  }

  /** Gives an entry to whoever had the one before it, if that is whom the policy would choose; tells whether it did. */
  #continueRow(entry: Entry): boolean {
    const seat = this.#line.first === undefined ? this.#row.take(entry) : undefined
    if (seat === undefined) return false
    seat.candidate.assign(entry)
    this.#init.assigned(entry)
    if (this.#row.isOver || seat.candidate.credit <= 0) this.#refresh(seat)
    return true
  }

  /** One that paces itself gets several in a row, where it comes first whatever the entry is. */
  #beginRow(seat: Seat<C>): void {
    if (!this.#chooser.inRows || !seat.candidate.isPaced) return
    this.#row.begin(seat, this.#free.rowOf(seat.candidate, { isRush: this.#rush.isOn }))
  }

  /** `isStale`: the choice was made before the last change, so that one for nobody is no answer. */
  #give(entry: Entry, client: C | undefined, { isStale = false } = {}): void {
    const seat = client === undefined ? undefined : this.#seats.of(client)
    if (client !== undefined && seat === undefined)
      this.#chooser.failed(new TypeError('It chose something that is no connected client'))
    if (seat === undefined || !seat.candidate.carries(entry))
      return isStale ? this.#line.append(entry) : this.#setAside(entry)
    const { candidate, addressed } = seat
    if (addressed.first !== undefined || !this.#takes(seat)) addressed.push(entry)
    else if (isAlone(entry, candidate) && candidate.inFlight > 0) {
      addressed.push(entry)
      this.#seats.setLoner(seat, entry)
    } else this.#assign(seat, entry)
    this.#refresh(seat)
    this.#beginRow(seat)
  }

  /** Nobody was chosen for it. */
  #setAside(entry: Entry): void {
    if (this.#chooser.isUnfit(entry)) this.#unfit.add(entry)
    else this.#parked.push(entry)
  }

  #assign(seat: Seat<C>, entry: Entry): void {
    this.#size -= 1
    if (isAlone(entry, seat.candidate)) seat.isAlone = true
    if (seat.loner === entry) this.#seats.setLoner(seat, undefined)
    seat.candidate.assign(entry)
    this.#init.assigned(entry)
  }
}
