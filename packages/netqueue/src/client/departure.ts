import type { Conversation } from '../endpoint/conversation.ts'
import { Drain } from '../endpoint/drain.ts'
import type { SharedByUplinks } from './uplink-owner.ts'

export interface DepartureInit {
  conversation: Conversation
  shared: Pick<SharedByUplinks, 'link' | 'puts'>
  /** Whether the client comes back, as the server does. */
  returns: boolean
}

/** A client leaves a server that drains, when what is in hand is done. */
export class Departure {
  readonly returns: boolean
  readonly #init: DepartureInit
  readonly #drain: Drain

  constructor(init: DepartureInit) {
    this.#init = init
    this.returns = init.returns
    this.#drain = new Drain(init.shared.link.env, () => this.#isDone())
  }

  /** Takes nothing new, and resolves when it can go. The server decides how long it waits for that. */
  async prepare(): Promise<void> {
    const { conversation, shared, returns } = this.#init
    const { link } = conversation
    shared.puts.leaving(link)
    shared.link.inbox.handBack(link.intake)
    link.goaway(returns ? 'RESTART' : 'CLOSED')
    conversation.drain()
    await this.#drain.run(Number.POSITIVE_INFINITY, () => {})
  }

  /** Something may have come to an end. */
  check(): void {
    this.#drain.check()
  }

  /** It is gone. */
  end(): void {
    this.#drain.end()
  }

  /** What was put has to be settled, and not only received: what a server has received goes with it. */
  #isDone(): boolean {
    const { link, isQuiet } = this.#init.conversation
    return link.intake.handedOut === 0 && link.outbox.inFlight === 0 && isQuiet
  }
}
