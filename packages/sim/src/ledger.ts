import type { Flow } from './flow.ts'

/** Bytes from which an item may leave in several frames. */
export const LONG = 60_000

/** What the simulator knows of one item that somebody put. */
export class Item {
  readonly key: string
  readonly text: string
  /** Its place among unaddressed puts of its sender; `undefined` for an addressed one. */
  readonly order: number | undefined
  /** What became of the call that put it. */
  call: 'waiting' | 'resolved' | 'failed' = 'waiting'
  /** The caller was told that it is certainly not delivered. */
  isWithdrawn = false
  /** The caller gave it up when somebody had it. */
  isCancelled = false
  /** The `attempt` that its next delivery must carry. */
  attempt = 1
  /** Losses that may have counted unseen: a long item counts as sent before its last byte is on the wire. */
  mayCountMore = 0
  /** The connection that has it, as its sender sees it. */
  holder: Flow | undefined
  /** The event of the world in which it went back to the head of the backlog. */
  freeSince: number | undefined
  timesSent = 0
  wantsResult = false
  /** Somebody did not settle it in time, and may have it still. */
  wasTakenBack = false
  /** It went to a client that was lost before it was written there: its first delivery is not its first assignment. */
  isDisplaced = false
  state: 'open' | 'done' | 'dead' | 'undone' = 'open'
  /** How often its receiver has worked it off or refused it for good, by its own account. */
  finishes = 0
  /** In how many sessions it was received: whoever puts it again, as nobody knows whether it came, repeats it. */
  copies = 0
  /** The last of these. */
  receivedBy: Flow | undefined
  /** Its receiver's process died with it. */
  isBuriedWithServer = false
  /** Its receiver kept it when its sender was lost. */
  isKept = false
  timesHanded = 0
  timesReceived = 0
  /** The event of the world in which it was received last. */
  arrivedIn = 0

  constructor(key: string, text: string, order: number | undefined) {
    this.key = key
    this.text = text
    this.order = order
  }

  get isFinished(): boolean {
    return this.finishes > 0
  }

  /** Nobody may get it any more. */
  get isOver(): boolean {
    return this.state !== 'open' || this.isWithdrawn || this.isCancelled
  }
}

/** All items of one sender: the server, or one client. */
export class Ledger {
  readonly items: Map<string, Item> = new Map()
  #order = 0

  add(key: string, text: string, { isAddressed = false }: { isAddressed?: boolean } = {}): Item {
    if (!isAddressed) this.#order += 1
    const item = new Item(key, text, isAddressed ? undefined : this.#order)
    this.items.set(key, item)
    return item
  }
}

/** The text of an item: its key, and a body that tells whether it arrived intact. */
export function textOf(key: string, bytes: number): string {
  return `${key}|${key.repeat(Math.ceil(bytes / key.length)).slice(0, bytes)}`
}

export const keyOf = (text: string): string => text.slice(0, text.indexOf('|'))
