import type { Source } from 'it-stream-types'
import { checkInteger } from './errors/check.ts'
import { Ring } from './queue/ring.ts'

export interface MapOptions {
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

type Submit<Item, Result> = (item: Item, signal: AbortSignal) => Promise<{ result: Result; bytes: number }>

/** Bytes of results that wait for the reader; beyond that no item is taken from the source. */
const MAX_RESULT_BYTES = 16_777_216

/** Runs a source through `submit`, with at most a window of items between source and reader. */
export async function* mapThrough<Item, Result>(
  source: Source<Item>,
  submit: Submit<Item, Result>,
  options: MapOptions,
): AsyncGenerator<Result | MapOutcome<Item, Result>> {
  const { ordered = true, window = 1_024, settled = false, signal } = options
  checkInteger('window', window, 1)
  signal?.throwIfAborted()
  const flow = new Flow<Item, Result>(submit, { ordered, window, signal })
  void flow.feed(source)
  try {
    for (let outcome = await flow.next(); outcome !== undefined; outcome = await flow.next()) {
      if (settled) yield outcome
      else if (outcome.status === 'fulfilled') yield outcome.value
      else throw outcome.reason
    }
  } finally {
    flow.stop()
  }
}

interface Slot<Item, Result> {
  outcome: MapOutcome<Item, Result> | undefined
  bytes: number
}

interface FlowInit {
  ordered: boolean
  window: number
  signal: AbortSignal | undefined
}

class Flow<Item, Result> {
  readonly #submit: Submit<Item, Result>
  readonly #init: FlowInit
  /** One for each item: a signal that all share would have a thousand listeners, which Node warns of and searches one by one. */
  readonly #atWork: Set<AbortController> = new Set()
  /** In order: every item between source and reader. Otherwise: those that are done. */
  readonly #slots: Ring<Slot<Item, Result>> = new Ring()
  readonly #onAbort = (): void => this.#fail(this.#init.signal?.reason)
  #isStopped = false
  #inside = 0
  #bytes = 0
  #isSourceDone = false
  #failure: { reason: unknown } | undefined
  #changed: (() => void) | undefined
  #roomy: (() => void) | undefined

  constructor(submit: Submit<Item, Result>, init: FlowInit) {
    this.#submit = submit
    this.#init = init
    init.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Takes items from the source as there is room. */
  async feed(source: Source<Item>): Promise<void> {
    try {
      for await (const item of source) {
        while (!this.#isStopped && (this.#inside >= this.#init.window || this.#bytes >= MAX_RESULT_BYTES))
          await new Promise<void>((resolve) => (this.#roomy = resolve))
        if (this.#isStopped) return
        this.#begin(item)
      }
      this.#isSourceDone = true
      this.#changed?.()
    } catch (reason) {
      this.#fail(reason)
    }
  }

  /** The next outcome; `undefined` behind the last. */
  async next(): Promise<MapOutcome<Item, Result> | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.reason
      const slot = this.#slots.at(0)
      if (slot?.outcome !== undefined) return this.#take(slot)
      if (this.#isSourceDone && this.#inside === 0) return undefined
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
  }

  /** Cancels what is at work. */
  stop(): void {
    this.#init.signal?.removeEventListener('abort', this.#onAbort)
    this.#isStopped = true
    for (const cancel of this.#atWork) cancel.abort()
    this.#roomy?.()
  }

  #begin(item: Item): void {
    const slot: Slot<Item, Result> = { outcome: undefined, bytes: 0 }
    const cancel = new AbortController()
    this.#inside += 1
    this.#atWork.add(cancel)
    if (this.#init.ordered) this.#slots.push(slot)
    void this.#submit(item, cancel.signal)
      .then(
        ({ result, bytes }) => this.#end(slot, { status: 'fulfilled', item, value: result }, bytes),
        (reason: unknown) => this.#end(slot, { status: 'rejected', item, reason }, 0),
      )
      .then(() => this.#atWork.delete(cancel))
  }

  #end(slot: Slot<Item, Result>, outcome: MapOutcome<Item, Result>, bytes: number): void {
    slot.outcome = outcome
    slot.bytes = bytes
    this.#bytes += bytes
    if (!this.#init.ordered) this.#slots.push(slot)
    this.#changed?.()
  }

  #take({ outcome, bytes }: Slot<Item, Result>): MapOutcome<Item, Result> | undefined {
    this.#slots.shift()
    this.#inside -= 1
    this.#bytes -= bytes
    this.#roomy?.()
    return outcome
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason }
    this.#changed?.()
    this.#roomy?.()
  }
}
