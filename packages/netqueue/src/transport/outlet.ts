import type { Sink, Source } from 'it-stream-types'
import { pullFrom } from './pulled.ts'
import type { Puller } from './pulled.ts'
import type { Bytes } from './transport.ts'

type AnyIterator = Iterator<Bytes> | AsyncIterator<Bytes>

/**
 * The writing half of a connection: pulls a source, piece by piece, until its end or until the connection broke. By hand, for the three
 * async functions and the race that this takes otherwise are most of what an idle connection costs.
 */
export abstract class Outlet implements Puller {
  #source: AnyIterator | undefined
  #resolve: (() => void) | undefined
  #reject: ((reason: unknown) => void) | undefined
  #failed = false
  #failure: unknown

  /** Takes one source in its life: a stream of bytes has one end. */
  get sink(): Sink<Source<Bytes>, Promise<void>> {
    return (source) => new Promise((resolve, reject) => this.#begin(iterate(source), resolve, reject))
  }

  /** Cuts the connection: what was to be sent failed, and a clean end would hide that the rest is missing. */
  abstract abort(reason: unknown): void

  /** Hands over one piece, which is never empty; whether it was taken at once. Otherwise {@link taken} tells when it is, if ever. */
  protected abstract write(bytes: Bytes): boolean

  /** Ends our side; {@link ended} tells when it has. */
  protected abstract end(): void

  protected taken(): void {
    if (!this.#failed) this.#pull()
  }

  protected ended(): void {
    this.#source = undefined
    this.#resolve?.()
  }

  /** The connection broke: the sink rejects at once, even where its source or a write never comes back. */
  protected fail(reason: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#failure = reason
    leave(this.#source)
    this.#reject?.(reason)
  }

  #begin(source: AnyIterator, resolve: () => void, reject: (reason: unknown) => void): void {
    if (this.#failed || this.#resolve !== undefined) {
      leave(source)
      throw this.#failed ? this.#failure : new TypeError('Expected one source, got another: this sink was used before')
    }
    this.#source = source
    this.#resolve = resolve
    this.#reject = reject
    this.#pull()
  }

  /** @internal */
  onPiece(piece: Bytes): void {
    if (this.#failed) return
    try {
      if (piece.length === 0 || this.write(piece)) this.#pull()
    } catch (error) {
      this.onError(error)
    }
  }

  /** @internal The source has no more. */
  onEnd(): void {
    if (!this.#failed) this.end()
  }

  /** @internal The source failed. */
  onError(error: unknown): void {
    if (!this.#failed) this.abort(error)
  }

  #pull(): void {
    try {
      if (this.#source !== undefined) pullFrom(this.#source, this)
    } catch (error) {
      this.onError(error)
    }
  }
}

export function iterate(source: Source<Bytes>): AnyIterator {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** The sink rejects with the reason; what the source makes of being left adds nothing. */
export function leave(source: AnyIterator | undefined): void {
  try {
    Promise.resolve(source?.return?.()).catch(() => {})
  } catch {
    // As above.
  }
}
