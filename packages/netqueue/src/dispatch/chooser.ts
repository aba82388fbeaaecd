import type { Entry } from '../delivery/entry.ts'
import { NetQueueError } from '../errors/errors.ts'
import { isThenable } from '../queue/thenable.ts'
import type { Candidate, FreeClients } from './free-clients.ts'
import { clientsOf, Offer } from './offer.ts'
import type { Members } from './offer.ts'
import type { ChooseDispatch, DispatchPolicy } from './policies.ts'

export interface ChooserInit<T, C> {
  policy: ChooseDispatch<T, C> | DispatchPolicy<T, C>
  warn: (error: NetQueueError) => void
}

/** Asks the policy, about one entry at a time, and what else users say of clients. */
export class Chooser<T, C> {
  readonly #init: ChooserInit<T, C>
  readonly #free: FreeClients<C>
  /** What it is asked about now; one function for all, as each item passes here. */
  #offered: Entry | undefined
  readonly #accepts = (candidate: Candidate<C>): boolean =>
    this.#offered !== undefined && candidate.carries(this.#offered)

  constructor(init: ChooserInit<T, C>, free: FreeClients<C>) {
    this.#init = init
    this.#free = free
  }

  /** Whether it chooses the same one again until something changes. */
  get inRows(): boolean {
    const { policy } = this.#init
    return typeof policy === 'object' && policy.inRows === true
  }

  /** Who is to have an entry; nobody, where the policy fails. */
  choose(entry: Entry, everyone: Members<C>): C | undefined | PromiseLike<C | undefined> {
    const { policy } = this.#init
    const { clients, candidates } = everyone
    this.#offered = entry
    try {
      if (typeof policy === 'object') return policy.choose(this.#free, new Offer<T, C>(entry, everyone), this.#accepts)
      const able = candidates.filter((candidate) => this.#free.has(candidate) && this.#accepts(candidate))
      const choice = able.length === 0 ? undefined : policy(clientsOf(able), { item: entry.item as T, clients })
      return isThenable(choice) ? Promise.resolve(choice) : choice // asked here: a getter may throw
    } catch (cause) {
      return this.failed(cause)
    } finally {
      this.#offered = undefined
    }
  }

  /** Whether it would not be asked about an entry, or choose anybody, before a client that can be given it is free. */
  isUnfit(entry: Entry): boolean {
    const { policy } = this.#init
    if (typeof policy === 'object' && policy.amongFree !== true) return false
    return this.#free.leastBusy((candidate) => candidate.carries(entry)) === undefined
  }

  /** What the user says of an original; a judge that throws says no. */
  isReady(candidate: Candidate<C>): boolean {
    try {
      return candidate.isReady
    } catch (cause) {
      this.#init.warn(new NetQueueError('DISPATCH_FAILED', 'ready failed; the client counts as not ready', { cause }))
      return false
    }
  }

  /** Says so; nobody was chosen. */
  failed(cause: unknown): undefined {
    this.#init.warn(
      new NetQueueError(
        'DISPATCH_FAILED',
        'chooseDispatch failed; the item is asked about again when a client changes',
        { cause },
      ),
    )
  }
}
