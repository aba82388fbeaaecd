import { Pulled, pullFrom } from '../transport/pulled.ts'
import type { Puller } from '../transport/pulled.ts'
import type { Bytes, ByteSource } from '../transport/transport.ts'

/** The chunks of one connection, as a stage that does not close the stream when a later one fails: the rest is then read and dropped. */
export class Incoming extends Pulled {
  readonly #chunks: AsyncIterator<Bytes>

  constructor(source: ByteSource) {
    super()
    this.#chunks = source[Symbol.asyncIterator]()
  }

  pull(puller: Puller): void {
    pullFrom(this.#chunks, puller)
  }

  /** Reads what is left; resolves when the stream has ended, however. */
  async drop(): Promise<void> {
    try {
      while ((await this.#chunks.next()).done !== true);
    } catch {
      // The end is what was waited for.
    }
  }

  /** Wants no more. It may be the user's, and of no use any more: what it makes of this is of no interest. */
  leave(): void {
    try {
      void Promise.resolve(this.#chunks.return?.()).catch(() => {})
    } catch {
      // As above.
    }
  }
}
