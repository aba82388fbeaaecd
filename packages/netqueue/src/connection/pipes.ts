import { pipe } from 'it-pipe'
import type { Frames, FrameTaker, Framing } from '../framing/framing.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { Incoming } from './incoming.ts'
import type { Outgoing } from './outgoing.ts'

export interface PipesInit {
  outgoing: Outgoing
  /** Whether the duplex goes on without us: it is not ours to end. */
  isLent: boolean
}

/** The duplex of one connection: frames are piped into it, and out of it. */
export class Pipes {
  readonly outgoing: Outgoing
  readonly isLent: boolean
  readonly #duplex: ByteDuplex
  #incoming: Incoming | undefined

  constructor(duplex: ByteDuplex, { outgoing, isLent }: PipesInit) {
    this.#duplex = duplex
    this.outgoing = outgoing
    this.isLent = isLent
  }

  /** Resolves when the sink of the duplex wants no more; throws at once where the duplex does. */
  begin(framing: Framing, taker: FrameTaker): Promise<void> {
    const encode = (frames: AsyncIterable<Bytes>): AsyncIterable<Bytes> => framing.encode(frames)
    const decode = (chunks: AsyncIterable<Bytes>): Frames => framing.decode(chunks)
    this.#incoming = new Incoming(this.#duplex.source)
    const sent = pipe(this.outgoing, encode, (chunks) => this.#duplex.sink(chunks))
    pipe(this.#incoming, decode, (frames) => frames.each(taker))
    return sent
  }

  /** Gives back what stands behind the last frame, where somebody goes on from there. */
  unread(rest: Uint8Array): void {
    if (this.isLent) this.#duplex.source.unread?.(rest)
  }

  /** Reads what is left and drops it; `undefined` where there is nothing of ours to read. */
  drop(): Promise<void> | undefined {
    return this.isLent ? undefined : this.#incoming?.drop()
  }

  /** Cuts the duplex, and resolves when the system has released it: whoever waits for that must find no handle. */
  async release(reason: Error): Promise<void> {
    this.outgoing.rest()
    if (this.isLent) return
    this.outgoing.close()
    this.#cut(reason)
    this.#incoming?.leave()
    // Of one that broke, this may be a rejection.
    await Promise.resolve(this.#duplex.closed).catch(() => {})
  }

  #cut(reason: Error): void {
    try {
      this.#duplex.abort?.(reason)
    } catch {
      // It is the user's, and of no use any more.
    }
  }
}
