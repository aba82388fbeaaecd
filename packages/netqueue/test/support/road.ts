import { memory, NetQueueError } from '../../src/index.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from '../../src/index.ts'

/** The way to servers, in the hands of a test: cut what is connected, and decide what becomes of who comes. */
export class Road implements Transport {
  readonly form: string
  /** The addresses that were dialled, in order. */
  readonly dialled: string[] = []
  /** What becomes of further attempts. */
  mood: 'open' | 'refuses' | 'hangs' = 'open'
  readonly #under: Transport
  readonly #made: ByteDuplex[] = []

  constructor(under: Transport = memory()) {
    this.#under = under
    this.form = under.form
  }

  accepts(address: string): boolean {
    return this.#under.accepts(address)
  }

  exposed(address: string): boolean {
    return this.#under.exposed(address)
  }

  listen(address: string): Promise<Listener> {
    return this.#under.listen(address)
  }

  async connect(address: string, options: DialOptions = {}): Promise<ByteDuplex> {
    this.dialled.push(address)
    if (this.mood === 'refuses') throw new NetQueueError('CONNECT_FAILED', `Cannot connect to ${address}`)
    if (this.mood === 'hangs') return hang(options)
    const duplex = await this.#under.connect(address, options)
    this.#made.push(duplex)
    return duplex
  }

  /** Cuts all that is connected, as when a cable is pulled. */
  cut(): void {
    for (const duplex of this.#made.splice(0)) duplex.abort?.(new Error('the cable was pulled'))
  }
}

function hang({ signal }: DialOptions): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
}
