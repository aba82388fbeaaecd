import { memoryPair } from '../../src/index.ts'
import type { ByteDuplex, Bytes } from '../../src/index.ts'
import { FRAME } from './raw-peer.ts'

/** `up` leads to the server. */
export type Way = 'up' | 'down'

const never = (): Promise<never> => new Promise(() => {})

/** A connection in memory that breaks when so many bytes have arrived. */
export class Cable {
  /** The end of the client, and that of the server. */
  readonly here: ByteDuplex
  readonly there: ByteDuplex
  /** Bytes that have arrived. */
  readonly carried: Record<Way, number> = { up: 0, down: 0 }
  readonly #bytes: Record<Way, Uint8Array[]> = { up: [], down: [] }
  readonly #left: Record<Way, number> = { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY }
  readonly #inner: readonly [ByteDuplex, ByteDuplex] = memoryPair()
  #isHalfOpen = false
  #isBroken = false

  constructor(limits: Partial<Record<Way, number>> = {}) {
    const [here, there] = this.#inner
    Object.assign(this.#left, limits)
    this.here = { source: this.#limited(here, 'down'), sink: here.sink, abort: (reason) => here.abort?.(reason) }
    this.there = {
      source: this.#limited(there, 'up'),
      sink: (frames) => this.#taken(there, frames),
      abort: (reason) => there.abort?.(reason),
    }
  }

  /** From now on so many more bytes arrive that way, then it breaks. */
  limit(way: Way, bytes: number): void {
    this.#left[way] = bytes
  }

  /** Whatever was under way is lost. */
  cut(): void {
    this.#isBroken = true
    const [here, there] = this.#inner
    const reason = new Error('the cable was cut')
    here.abort?.(reason)
    if (!this.#isHalfOpen) there.abort?.(reason)
  }

  /** When it breaks, the server hears nothing of it: neither that it broke nor anything else. */
  hideFromServer(): void {
    this.#isHalfOpen = true
  }

  /** The names of the types of the frames that have arrived whole. */
  frames(way: Way): string[] {
    const bytes = Buffer.concat(this.#bytes[way])
    const names: string[] = []
    for (let at = 0; at + 4 <= bytes.byteLength && at + 4 + bytes.readUInt32BE(at) <= bytes.byteLength;) {
      const type = bytes.readUInt16BE(at + 4)
      names.push(Object.entries(FRAME).find(([, value]) => value === type)?.[0] ?? String(type))
      at += 4 + bytes.readUInt32BE(at)
    }
    return names
  }

  #limited({ source }: ByteDuplex, way: Way): ByteDuplex['source'] {
    const inner = source[Symbol.asyncIterator]()
    const iterator: AsyncIterator<Bytes, undefined> = {
      next: async () => {
        if (this.#left[way] === 0) this.cut()
        if (this.#left[way] === 0 && way === 'up') return this.#gone(new Error('the cable was cut'))
        try {
          const { done, value } = await inner.next()
          return done === true ? await this.#ended(way) : { done: false, value: this.#arrived(way, value) }
        } catch (error) {
          if (way === 'down') throw error
          return this.#gone(error)
        }
      },
      return: async () => (await inner.return?.()) as IteratorResult<Bytes, undefined>,
    }
    return { [Symbol.asyncIterator]: () => iterator }
  }

  #arrived(way: Way, bytes: Bytes): Uint8Array {
    const piece = bytes.slice(0, this.#left[way])
    this.#left[way] -= piece.byteLength
    this.carried[way] += piece.byteLength
    this.#bytes[way].push(piece)
    return piece
  }

  async #ended(way: Way): Promise<IteratorResult<Bytes, undefined>> {
    if (way === 'up' && this.#isHidden) await never()
    return { done: true, value: undefined }
  }

  get #isHidden(): boolean {
    return this.#isBroken && this.#isHalfOpen
  }

  /** Whoever does not hear of the end goes on sending. */
  async #taken({ sink }: ByteDuplex, frames: AsyncIterable<Bytes> | Iterable<Bytes>): Promise<void> {
    const iterator = Symbol.asyncIterator in frames ? frames[Symbol.asyncIterator]() : frames[Symbol.iterator]()
    try {
      await sink({ [Symbol.asyncIterator]: () => ({ next: async () => iterator.next() }) })
    } catch (error) {
      if (!this.#isHidden) throw error
      while ((await iterator.next()).done !== true);
    }
  }

  /** The server's end fails, unless it is to hear of nothing. */
  async #gone(error: unknown): Promise<never> {
    if (this.#isHidden) await never()
    throw error
  }
}
