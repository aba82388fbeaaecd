import { Errand } from './errand.ts'
import type { Seeker } from './errand.ts'
import type { Sender } from '../delivery/delivery.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Transit } from '../request/transit.ts'

/** A request of somebody else's, on its way to whoever begins it. */
export class Forwarding<W> extends Errand<W, void> {
  readonly #transit: Transit

  constructor(seeker: Seeker<W>, transit: Transit, ordinal: number) {
    const { named, message, deadlineMs: timeout = Number.POSITIVE_INFINITY } = transit
    super(seeker, { name: named.name, payload: undefined, options: { channel: message.channel }, timeout, ordinal })
    this.#transit = transit
    this.deadline = transit.deadline
  }

  override get bytes(): number {
    return this.#transit.length
  }

  /** Looks for somebody; what comes of it is the transit's. */
  forward(): void {
    this.seek().catch((error: unknown) => this.#transit.unfound(error))
  }

  protected override get signal(): AbortSignal {
    return this.#transit.signal
  }

  protected begin(exchange: Exchange<Sender>): Promise<void> {
    this.#transit.ask(exchange, { to: undefined, again: this })
    return Promise.resolve()
  }
}
