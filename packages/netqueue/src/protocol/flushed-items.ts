import type { Message } from './message.ts'

/** Items to a peer that knows neither credit nor settle: what was flushed is settled, and while all is flushed there is credit for one more. */
export class FlushedItems {
  /** Items that were told of. */
  #told = -1

  /** All that was written so far was flushed, `sent` items among it. */
  tell(sent: number, take: (message: Message) => void): void {
    if (sent === this.#told) return
    if (sent > 0) take({ type: 'settle', outcome: 'done', first: sent, length: 1 })
    this.#told = sent
    take({ type: 'credit', limit: sent + 1, byteLimit: Number.MAX_SAFE_INTEGER, received: sent, records: 0 })
  }
}
