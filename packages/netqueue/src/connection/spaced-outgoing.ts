import type { Timer } from '../env/env.ts'
import type { Puller } from '../transport/pulled.ts'
import { Outgoing } from './outgoing.ts'
import type { FrameSource } from './outgoing.ts'

/** Frames with a time between them, for formats in which what is read together is one. */
export class SpacedOutgoing extends Outgoing {
  readonly #source: FrameSource
  readonly #gapMs: number
  /** Who waits for the time to pass. */
  #held: Puller | undefined
  #timer: Timer | undefined

  constructor(source: FrameSource, gapMs: number) {
    super(source)
    this.#source = source
    this.#gapMs = gapMs
  }

  override pull(puller: Puller): void {
    if (this.begun === 0) return super.pull(puller)
    this.#held = puller
    this.#timer = this.#source.env.setTimer(() => this.rest(), this.#gapMs)
  }

  override close(): void {
    super.close()
    this.rest()
  }

  override rest(): void {
    const held = this.#held
    this.#held = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    if (held !== undefined) super.pull(held)
  }
}
