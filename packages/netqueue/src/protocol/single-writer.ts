import { MuteWriter } from './mute-writer.ts'
import type { Said, Writer } from './message.ts'

/** One frame for each message, where a protocol has words for nothing else. */
export abstract class SingleWriter extends MuteWriter {
  #frame: Uint8Array | undefined

  /** The frame of what is said next; `undefined` where that is nothing. */
  next(fill: (writer: Writer) => void): Uint8Array | undefined {
    this.#frame = undefined
    fill(this)
    return this.#frame
  }

  override message(said: Said<'message'>): boolean {
    if (this.#frame !== undefined) return false
    this.#frame = this.frameOf(said)
    return true
  }

  protected abstract frameOf(said: Said<'message'>): Uint8Array
}
