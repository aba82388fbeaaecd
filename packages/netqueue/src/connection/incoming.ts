import type { Bytes, ByteSource } from '../transport/transport.ts'

/** The chunks of one connection, as a stage that does not close the stream when a later one fails: the rest is then read and dropped. */
export class Incoming implements AsyncIterableIterator<Bytes> {
  readonly #chunks: AsyncIterator<Bytes>

  constructor(source: ByteSource) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  next(): Promise<IteratorResult<Bytes>> {
    return this.#chunks.next()
  }

  [Symbol.asyncIterator](): this {
    return this
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
