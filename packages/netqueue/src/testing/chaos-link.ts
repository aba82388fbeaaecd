import { NetQueueError } from '../errors/errors.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import type { Ways } from './chaos-duplex.ts'
import { Lane } from './lane.ts'

export interface ChaosLinkInit {
  /** The connection of whoever came. */
  near: ByteDuplex
  ways: Ways
  /** Connects to where it wants to go. */
  dial: (signal: AbortSignal) => Promise<ByteDuplex>
}

/** One connection through a proxy: two duplexes, and a lane each way. */
export class ChaosLink {
  /** Resolves when both duplexes are released; never rejects. */
  readonly done: Promise<void>
  readonly #init: ChaosLinkInit
  readonly #dialling = new AbortController()
  #far: ByteDuplex | undefined
  #lanes: Lane[] = []

  constructor(init: ChaosLinkInit) {
    this.#init = init
    this.done = this.#run()
  }

  /** Breaks the connection for both sides. */
  reset(): void {
    const reason = new NetQueueError('CONNECTION_LOST', 'The connection was reset by chaos')
    this.#dialling.abort(reason)
    for (const lane of this.#lanes) lane.fail(reason)
    this.#abort(reason)
  }

  async #run(): Promise<void> {
    const { near } = this.#init
    try {
      await this.#join(near)
    } catch (error) {
      this.#abort(error as Error)
    }
    await Promise.all([near.closed, this.#far?.closed])
  }

  async #join(near: ByteDuplex): Promise<void> {
    const { ways, dial } = this.#init
    const { signal } = this.#dialling
    // Where one way is held, the first packets of a connection do not get through either.
    await Promise.race([Promise.all([ways.up.released(), ways.down.released()]), aborted(signal)])
    signal.throwIfAborted()
    const far = await dial(signal)
    this.#far = far
    const reset = (): void => this.reset()
    const [up, down] = [new Lane(ways.up, near.source, reset), new Lane(ways.down, far.source, reset)]
    this.#lanes = [up, down]
    const ends = await Promise.allSettled([far.sink(up), near.sink(down)])
    const broken = ends.find(({ status }) => status === 'rejected')
    // A way that ended by itself, at its limit, leaves a side that has not ended.
    if (broken !== undefined || up.wasCut || down.wasCut)
      this.#abort(new NetQueueError('CONNECTION_LOST', 'The other side is gone'))
  }

  #abort(reason: Error): void {
    this.#init.near.abort?.(reason)
    this.#far?.abort?.(reason)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
