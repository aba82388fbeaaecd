import { iterate, leave } from './outlet.ts'
import { Pulled, pullFrom } from './pulled.ts'
import type { Puller } from './pulled.ts'
import type { ByteDuplex, ByteSource, Bytes } from './transport.ts'

/** A connection that begins when somebody reads from it or has something to send, and holds nothing before. */
export abstract class LateDuplex implements ByteDuplex {
  readonly source: ByteSource
  #duplex: ByteDuplex | undefined
  #opening: Promise<ByteDuplex> | undefined
  #fail: ((reason: unknown) => void) | undefined

  constructor() {
    this.source = new LateSource(this)
  }

  abstract get closed(): Promise<void>

  /** The connection, once it has begun. */
  get duplex(): ByteDuplex | undefined {
    return this.#duplex
  }

  get sink(): ByteDuplex['sink'] {
    return async (source) => {
      try {
        await this.open()
      } catch (reason) {
        leave(iterate(source))
        throw reason
      }
      await this.#duplex?.sink(source)
    }
  }

  abort(reason: unknown): void {
    if (this.#duplex !== undefined) return this.#duplex.abort?.(reason as Error)
    this.#opening ??= Promise.reject(reason)
    this.#opening.catch(() => {})
    this.#fail?.(reason)
    this.cut()
  }

  /** Begins, if that is still to be done; rejects with why there is no connection. */
  open(): Promise<ByteDuplex> {
    this.#opening ??= new Promise((resolve, reject) => {
      this.#fail = reject
      this.begin().then((duplex) => resolve((this.#duplex = duplex)), reject)
    })
    return this.#opening
  }

  /** Makes the connection; called once at most. */
  protected abstract begin(): Promise<ByteDuplex>

  /** Drops what it would have been made of; {@link begin} need not settle any more. */
  protected abstract cut(): void
}

class LateSource extends Pulled implements ByteSource {
  readonly #late: LateDuplex
  #pieces: AsyncIterator<Bytes> | undefined

  constructor(late: LateDuplex) {
    super()
    this.#late = late
  }

  pull(puller: Puller): void {
    if (this.#pieces !== undefined) return pullFrom(this.#pieces, puller)
    this.#late.open().then(
      (duplex) => pullFrom(this.#begin(duplex), puller),
      (cause: unknown) => puller.onError(cause),
    )
  }

  async return(): Promise<IteratorResult<Bytes, undefined>> {
    await this.#begin(await this.#late.open()).return?.()
    return { done: true, value: undefined }
  }

  unread(bytes: Uint8Array): void {
    this.#late.duplex?.source.unread?.(bytes)
  }

  #begin({ source }: ByteDuplex): AsyncIterator<Bytes> {
    return (this.#pieces ??= source[Symbol.asyncIterator]())
  }
}
