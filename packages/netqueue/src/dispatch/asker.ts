import type { PendingInit } from '../queue/pending.ts'
import { Waiter } from '../queue/waiter.ts'

/** What waits for somebody who can be asked. */
export interface Question<W, R = unknown> {
  ask(whom: W): R
}

/** A call that waits in line until somebody can be asked. */
export class Asker<W, Q extends Question<W> = Question<W>> extends Waiter<unknown> {
  readonly question: Q

  constructor(question: Q, init: PendingInit) {
    super(init)
    this.question = question
  }

  /** Asks at once: whoever is chosen next is to be chosen by what this one has then. */
  begin(whom: W): void {
    if (this.settled) return
    try {
      const answer = this.question.ask(whom)
      // Its signal may fire as the payload is encoded: then nobody hears what comes of it.
      if (this.settled) Promise.resolve(answer).catch(() => {})
      else this.resolve(answer)
    } catch (error) {
      this.reject(error)
    }
  }
}
