import type { Sink, Source } from 'it-stream-types'
import type { Bytes } from './transport.ts'

/** Where the bytes go. Promises only where there is something to wait for: most writes are taken at once. */
export interface Writer {
  /** Hands over one piece, which is never empty; the promise resolves when it was taken, and stays open where the outlet was told to fail. */
  write(bytes: Bytes): Promise<void> | undefined
  /** Ends our side. */
  end(): Promise<void> | undefined
  /** What was to be sent failed: a clean end would hide that the rest is missing. */
  abort(reason: unknown): void
}

type AnyIterator = Iterator<Bytes> | AsyncIterator<Bytes>

function iterate(source: Source<Bytes>): AnyIterator {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

async function leave(iterator: AnyIterator): Promise<void> {
  try {
    await iterator.return?.()
  } catch {
    // The sink already rejects with the reason; what the source makes of being left adds nothing.
  }
}

/** The writing half of a connection: pulls a source, piece by piece, until its end or until the connection broke. */
export class Outlet {
  readonly #writer: Writer
  readonly #broken: Promise<never>
  #break!: (reason: unknown) => void
  #used = false
  #failed = false
  #failure: unknown

  constructor(writer: Writer) {
    this.#writer = writer
    this.#broken = new Promise<never>((_, reject) => (this.#break = reject))
    this.#broken.catch(() => {}) // it may break while nobody writes
  }

  /** The connection broke: the sink rejects at once, even where its source or a write never comes back. */
  fail(reason: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#failure = reason
    this.#break(reason)
  }

  /** Takes one source in its life: a stream of bytes has one end. */
  readonly sink: Sink<Source<Bytes>, Promise<void>> = async (source) => {
    const iterator = iterate(source)
    try {
      if (this.#failed) throw this.#failure
      if (this.#used) throw new TypeError('Expected one source, got another: this sink was used before')
      this.#used = true
      await Promise.race([this.#pull(iterator), this.#broken])
    } catch (error) {
      void leave(iterator)
      throw error
    }
  }

  async #pull(iterator: AnyIterator): Promise<void> {
    try {
      await this.#pump(iterator)
    } catch (error) {
      if (!this.#failed) this.#writer.abort(error)
      throw error
    }
  }

  async #pump(iterator: AnyIterator): Promise<void> {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      if (this.#failed) return
      const taken = next.value.length === 0 ? undefined : this.#writer.write(next.value)
      if (taken !== undefined) await taken
    }
    if (!this.#failed) await this.#writer.end()
  }
}
