import type { Writer } from '../protocol/message.ts'
import type { Credit, Room } from './credit.ts'

/** Whoever grants. */
export interface GrantsOwner {
  /** What may come. */
  readonly room: Room
  /** There may be more of it, for a sender that knows no credit. */
  freed(): void
  /** There is something to write. */
  wake(): void
  /** There is a frame's worth to write. */
  flush(): void
}

/** A step of so many items does not wait for the end of the turn: the sender can go on while this side still works. */
const FLUSHED_ITEMS = 128

/** What a sender is told of our room: credit as there is some, how far we are, and that unused credit is asked back. */
export class Grants {
  readonly #credit: Credit
  readonly #owner: GrantsOwner
  /** Whether credit means anything to the sender now. */
  #isOpen = false
  /** The sender is to hear how far we are, whether or not there is anything to grant. */
  #isReportDue = false
  /** There was room, and it was time to say so. */
  #isGrantDue = false
  /** It is to hear of each arrival. */
  #reportsAll = false
  #reclaim: 'no' | 'due' | 'asked' = 'no'
  /** What has to come free before a look at the room is worth while. */
  #itemsToGo = 0
  #bytesToGo = 0

  constructor(credit: Credit, owner: GrantsOwner) {
    this.#credit = credit
    this.#owner = owner
  }

  open({ isCredited }: { isCredited: boolean }): void {
    this.#isOpen = isCredited
    this.report()
  }

  /** The sender is gone. */
  close(): void {
    this.#isOpen = false
  }

  report(): void {
    this.#isReportDue = true
    this.#owner.wake()
  }

  /** The sender waits to hear that we received what it sent: it is told each time from now on. */
  reportAll(): void {
    this.#reportsAll = true
    this.report()
  }

  /** Something came from the sender. That makes no room: to take it does. */
  arrived(): void {
    if (this.#reportsAll) this.report()
  }

  /** The sender gave unused credit back. */
  released(): void {
    this.#reclaim = 'no'
    this.arrived()
    this.grant()
  }

  /** An item left the inbox or was settled. Most of the time too little has come free, and that is known without a look at the room. */
  freed(bytes: number): void {
    this.#itemsToGo -= 1
    this.#bytesToGo -= bytes
    if (this.#itemsToGo <= 0 || this.#bytesToGo <= 0) this.grant()
  }

  /** Raises the credit to what there is room for; small steps wait until they add up. */
  grant(): void {
    if (!this.#isOpen) return this.#owner.freed()
    const { room } = this.#owner
    if (!this.#credit.isDue(room)) {
      const { items, bytes } = this.#credit.dueAfter(room)
      this.#itemsToGo = items
      this.#bytesToGo = bytes
      return
    }
    this.#isGrantDue = true
    if (room.items >= FLUSHED_ITEMS) this.#owner.flush()
    this.#owner.wake()
  }

  /** Asks unused credit back: whoever it was granted for is gone. */
  shrink(): void {
    if (!this.#isOpen || this.#reclaim !== 'no' || !this.#credit.isExcessive(this.#owner.room)) return
    this.#reclaim = 'due'
    this.#owner.wake()
  }

  fill(writer: Writer): void {
    if (this.#reclaim === 'due') {
      this.#reclaim = 'asked'
      writer.reclaim()
    }
    const credit = this.#credit
    // Of a sender that has some left, it is known without a look.
    if (!this.#isReportDue && !this.#isGrantDue && !credit.isSpent) return
    const { room } = this.#owner
    if (!this.#isReportDue && !(this.#isOpen && credit.isDue(room))) return
    this.#isReportDue = false
    this.#isGrantDue = false
    credit.raise(room)
    writer.credit(credit.limit, credit.byteLimit, credit.received)
  }
}
