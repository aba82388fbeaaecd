import type { Timer } from '../env/env.ts'
import { Outgoing } from './outgoing.ts'
import type { FrameSource } from './outgoing.ts'

export interface DelayedSource extends FrameSource {
  /** Whether what is due may wait for more: not so introductions and last words. */
  readonly mayWait: boolean
}

/** Frames that wait for a while before they leave, so that more can share them; full ones, and what stands behind them, do not. */
export class DelayedOutgoing extends Outgoing {
  readonly #source: DelayedSource
  readonly #delayMs: number
  #timer: Timer | undefined

  constructor(source: DelayedSource, delayMs: number) {
    super(source)
    this.#source = source
    this.#delayMs = delayMs
  }

  override wake(): void {
    if (!this.#source.mayWait) return this.#hurry()
    this.#timer ??= this.#source.env.setTimer(() => this.#hurry(), this.#delayMs)
  }

  override wakeSoon(): void {
    this.wake()
  }

  override wakeLater(): void {
    this.wake()
  }

  override flush(): void {
    this.rest()
    super.flush()
  }

  override close(): void {
    this.rest()
    super.close()
  }

  override rest(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #hurry(): void {
    this.rest()
    super.wake()
  }
}
