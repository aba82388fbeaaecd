import type { Source } from 'it-stream-types'
import type { SettleOptions } from '../delivery/settle-deadlines.ts'
import { checkInteger, checkIterable } from '../errors/check.ts'
import { onAbort } from '../queue/on-abort.ts'
import { Ring } from '../queue/ring.ts'

export interface MapOptions extends SettleOptions {
  /** Whether results come in the order of the source. @default true */
  ordered?: boolean
  /** Ends the iteration with the signal's reason; what is at work is cancelled. */
  signal?: AbortSignal | undefined
  /** Items between source and reader. @default 1_024 */
  window?: number
  /** Whether failures come as outcomes instead of ending the iteration. @default false */
  settled?: boolean
}

/** What became of one item. */
export type MapOutcome<Item, Result> =
  | { status: 'fulfilled'; item: Item; value: Result }
  | { status: 'rejected'; item: Item; reason: unknown }

export interface Submission {
  signal: AbortSignal
  /** A client has the item. */
  assigned: () => void
}

type Submit<Item, Result> = (item: Item, submission: Submission) => Promise<{ result: Result; bytes: number }>

/** Bytes of results that wait for the reader. Those of what clients are working on come on top: nobody knows how long they will be. */
const MAX_RESULT_BYTES = 16_777_216
/** How long a result is taken to be before the first one is here: that of the longest that `maxItemBytes` lets through by default. */
const FIRST_ESTIMATE_BYTES = 1_048_576

/** Runs a source through `submit`, with at most a window of items between source and reader. Nothing happens before the first `next()`. */
export function mapThrough<Item, Result>(
  source: Source<Item>,
  submit: Submit<Item, Result>,
  { ordered = true, window = 1_024, settled = false, signal }: MapOptions,
): AsyncIterableIterator<Result | MapOutcome<Item, Result>> {
  checkInteger('window', window, 1)
  checkIterable('source', source)
  return new Mapping<Item, Result>(source, submit, { ordered, window, settled, signal })
}

interface Slot<Item, Result> {
  outcome: MapOutcome<Item, Result> | undefined
  isAssigned: boolean
  bytes: number
  cancel: AbortController
}

interface Reader<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
}

type Init = Required<Pick<MapOptions, 'ordered' | 'window' | 'settled'>> & Pick<MapOptions, 'signal'>

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Written by hand: leaving a generator waits for the result that it waits for, and leaving this cancels it. */
class Mapping<Item, Result> implements AsyncIterableIterator<Result | MapOutcome<Item, Result>> {
  readonly #source: Source<Item>
  readonly #submit: Submit<Item, Result>
  readonly #init: Init
  /** One for each item at work: what is done is not cancelled with the rest. */
  readonly #cancels: Set<AbortController> = new Set()
  readonly #readers: Ring<Reader<Result | MapOutcome<Item, Result>>> = new Ring()
  /** In order: every item between source and reader. Otherwise: those that are done. */
  readonly #slots: Ring<Slot<Item, Result>> = new Ring()
  #callOff: (() => void) | undefined
  #state: 'new' | 'running' | 'over' = 'new'
  #failure: { reason: unknown } | undefined
  /** Left undefined once the source has no more. */
  #items: Iterator<Item> | AsyncIterator<Item> | undefined
  #roomy: (() => void) | undefined
  #inside = 0
  #unassigned = 0
  #bytes = 0
  #longest = 0

  constructor(source: Source<Item>, submit: Submit<Item, Result>, init: Init) {
    this.#source = source
    this.#submit = submit
    this.#init = init
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Result | MapOutcome<Item, Result>, undefined>> {
    const result = new Promise<IteratorResult<Result | MapOutcome<Item, Result>, undefined>>((resolve, reject) =>
      this.#readers.push({ resolve, reject }),
    )
    if (this.#state === 'new') this.#start()
    this.#serve()
    return result
  }

  return(): Promise<IteratorResult<Result | MapOutcome<Item, Result>, undefined>> {
    this.#stop()
    return Promise.resolve(DONE)
  }

  #start(): void {
    const { signal } = this.#init
    this.#state = 'running'
    if (signal?.aborted) return this.#fail(signal.reason)
    if (signal !== undefined) this.#callOff = onAbort(signal, () => this.#fail(signal.reason))
    try {
      this.#items = iteratorOf(this.#source)
    } catch (reason) {
      return this.#fail(reason)
    }
    this.#feed(this.#items).catch((reason: unknown) => {
      this.#items = undefined
      this.#fail(reason)
    })
  }

  /** Takes items from the source as there is room. */
  async #feed(items: Iterator<Item> | AsyncIterator<Item>): Promise<void> {
    while (!this.#isOver()) {
      if (!this.#hasRoom()) {
        await new Promise<void>((resolve) => (this.#roomy = resolve))
        continue
      }
      const { done, value } = await items.next()
      if (this.#isOver()) return
      if (done === true) {
        this.#items = undefined
        return this.#serve()
      }
      this.#begin(value)
    }
  }

  #isOver(): boolean {
    return this.#state === 'over'
  }

  /** What no client has yet counts with the longest result so far: it can still be held back. */
  #hasRoom(): boolean {
    const due = this.#unassigned * (this.#longest || FIRST_ESTIMATE_BYTES)
    return this.#inside < this.#init.window && this.#bytes + due < MAX_RESULT_BYTES
  }

  #begin(item: Item): void {
    const slot: Slot<Item, Result> = { outcome: undefined, isAssigned: false, bytes: 0, cancel: new AbortController() }
    this.#cancels.add(slot.cancel)
    this.#inside += 1
    this.#unassigned += 1
    if (this.#init.ordered) this.#slots.push(slot)
    this.#submit(item, { signal: slot.cancel.signal, assigned: () => this.#assigned(slot) }).then(
      ({ result, bytes }) => this.#end(slot, { status: 'fulfilled', item, value: result }, bytes),
      (reason: unknown) => this.#end(slot, { status: 'rejected', item, reason }, 0),
    )
  }

  #assigned(slot: Slot<Item, Result>): void {
    if (slot.isAssigned) return
    slot.isAssigned = true
    this.#unassigned -= 1
    this.#roomy?.()
  }

  #end(slot: Slot<Item, Result>, outcome: MapOutcome<Item, Result>, bytes: number): void {
    this.#assigned(slot)
    this.#cancels.delete(slot.cancel)
    slot.outcome = outcome
    slot.bytes = bytes
    this.#bytes += bytes
    this.#longest = Math.max(this.#longest, bytes, 1)
    if (!this.#init.ordered) this.#slots.push(slot)
    this.#serve()
  }

  /** Answers those who read, as far as there are answers. */
  #serve(): void {
    while (this.#readers.size > 0) {
      const slot = this.#slots.at(0)
      if (this.#isOver()) this.#answer(DONE)
      else if (slot?.outcome !== undefined) this.#yield(slot, slot.outcome)
      else if (this.#inside === 0 && this.#items === undefined) this.#stop()
      else return
    }
  }

  #yield(slot: Slot<Item, Result>, outcome: MapOutcome<Item, Result>): void {
    this.#slots.shift()
    this.#inside -= 1
    this.#bytes -= slot.bytes
    this.#roomy?.()
    if (this.#init.settled) return this.#answer({ done: false, value: outcome })
    if (outcome.status === 'fulfilled') return this.#answer({ done: false, value: outcome.value })
    this.#fail(outcome.reason)
  }

  #answer(result: IteratorResult<Result | MapOutcome<Item, Result>, undefined>): void {
    const reader = this.#readers.shift()
    if (this.#failure === undefined) return reader?.resolve(result)
    reader?.reject(this.#failure.reason)
    this.#failure = undefined
  }

  #fail(reason: unknown): void {
    if (this.#isOver()) return
    this.#failure = { reason }
    this.#stop()
  }

  /** Cancels what is at work, and leaves the source. */
  #stop(): void {
    if (this.#isOver()) return
    this.#state = 'over'
    this.#callOff?.()
    this.#slots.clear()
    for (const cancel of this.#cancels) cancel.abort()
    this.#roomy?.()
    if (this.#items !== undefined) void leave(this.#items)
    this.#serve()
  }
}

function iteratorOf<Item>(source: Source<Item>): Iterator<Item> | AsyncIterator<Item> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** The reader has left or has its error: what the source makes of being left adds nothing. */
async function leave(items: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await items.return?.()
  } catch {}
}
