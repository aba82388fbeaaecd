import type { Linked } from '../queue/linked-list.ts'
import { laneOf } from './lanes.ts'
import type { Lanes } from './lanes.ts'
import type { ExchangeWriter, Mail } from './mail.ts'

/** Says that no more requests come, behind the last of them. */
export class EndOfRequests implements Mail {
  before: Linked = this
  after: Linked = this
  /** Resolves when it was said and all requests are over, or there is nobody to say it to. */
  readonly done: Promise<void>
  resolve!: () => void
  readonly #lanes: Lanes
  #state: 'new' | 'due' | 'said' = 'new'
  #isLive = true

  constructor(lanes: Lanes) {
    this.#lanes = lanes
    this.done = new Promise((resolve) => (this.resolve = resolve))
  }

  /** Something became of a request. */
  check({ isUnsent, isLive }: { isUnsent: boolean; isLive: boolean }): void {
    this.#isLive = isLive
    if (this.#state === 'new' && !isUnsent) {
      this.#state = 'due'
      this.#lanes.post(laneOf(0), this)
    }
    this.#resolveIfDone()
  }

  write(writer: ExchangeWriter): boolean {
    if (!writer.endRequests()) return false
    this.#state = 'said'
    this.#resolveIfDone()
    return true
  }

  #resolveIfDone(): void {
    if (this.#state === 'said' && !this.#isLive) this.resolve()
  }
}
