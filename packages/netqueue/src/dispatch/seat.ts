import type { Entry } from '../delivery/entry.ts'
import { LinkedList } from '../queue/linked-list.ts'
import type { Candidate } from './free-clients.ts'

/** From this attempt on an item is delivered alone, so that one that kills its workers takes no neighbours along. */
export const ALONE_FROM_ATTEMPT = 3
/** A relay has many who work for it, and lets one of them have the item alone: that all of them wait is for items that fell several relays. */
export const ALONE_AT_RELAYS_FROM_ATTEMPT = 10

/** One client, and the entries that wait for it and no other. */
export class Seat<C> {
  readonly candidate: Candidate<C>
  readonly addressed: LinkedList<Entry> = new LinkedList()
  /** It takes more, and nothing waits for it alone. */
  isFree = false
  /** It has an item that is delivered alone. */
  isAlone = false
  /** The one of `addressed` that came as to any client with credit, and waits until this one has nothing else. */
  loner: Entry | undefined

  constructor(candidate: Candidate<C>) {
    this.candidate = candidate
  }
}

/** Whether an entry is to be the only one that a client has. */
export const isAlone = ({ attempt }: Entry, { isRelay }: Candidate<unknown>): boolean =>
  attempt >= (isRelay === true ? ALONE_AT_RELAYS_FROM_ATTEMPT : ALONE_FROM_ATTEMPT)
