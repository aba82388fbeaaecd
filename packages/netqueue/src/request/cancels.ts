import type { Env, Timer } from '../env/env.ts'
import { Ring } from '../queue/ring.ts'
import { Bucket } from './bucket.ts'
import type { ExchangeWriter } from './mail.ts'

/** Control messages have little room in a frame; the rest follows in the next. */
const MAX_IN_A_FRAME = 8
/** A little below what a peer takes, for its clock is not ours: beyond that it ends the connection. */
const BURST = 900
const PER_SECOND = 30

export interface CancelsInit {
  env: Env
  wake: () => void
  /** Whether the peer still has the request. */
  isOpen: (tag: number) => boolean
}

/** Requests that the peer is to be told to stop, no faster than peers take that: what is over before its turn needs no word. */
export class Cancels {
  readonly #init: CancelsInit
  readonly #tags: Ring<number> = new Ring()
  readonly #bucket: Bucket
  #timer: Timer | undefined

  constructor(init: CancelsInit) {
    this.#init = init
    this.#bucket = new Bucket({ env: init.env, burst: BURST, perSecond: PER_SECOND })
  }

  add(tag: number): void {
    this.#tags.push(tag)
    this.#init.wake()
  }

  /** Tells whether all is written that may be by now. */
  fill(writer: ExchangeWriter): boolean {
    for (let count = 0; count < MAX_IN_A_FRAME;) {
      const tag = this.#tags.at(0)
      if (tag === undefined) return true
      const isDue = this.#init.isOpen(tag)
      if (isDue && !this.#bucket.take()) return this.#wait()
      this.#tags.shift()
      if (!isDue) continue
      writer.cancelRequest({ tag })
      count += 1
    }
    return false
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#tags.clear()
  }

  #wait(): true {
    const { env, wake } = this.#init
    const wait = (): void => {
      this.#timer = undefined
      wake()
    }
    this.#timer ??= env.setTimer(wait, Math.ceil(this.#bucket.waitMs), { background: true })
    return true
  }
}
