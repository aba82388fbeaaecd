import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import { joined } from './joined.ts'

/** A frame as it came, without its length. */
export interface ScriptedFrame {
  type: number
  data: Uint8Array
}

/** The other end of a connection, played by hand. */
export interface ScriptedPeer {
  /** Frames that came and that nobody has taken yet: what stands behind a 4-byte length, its first two bytes as `type`. */
  readonly frames: ScriptedFrame[]
  /** All bytes that came. */
  readonly received: Uint8Array
  /** Nothing more will come: the stream ended or broke. */
  readonly hasEnded: boolean
  /** Why it broke, if it did. */
  readonly failure: unknown
  /** Sends bytes as they are, in one piece; strings are hexadecimal. */
  send(...parts: (string | Uint8Array)[]): void
  /** Ends our side, behind what was sent. */
  end(): void
  /** Cuts the connection. */
  cut(): void
  /** Stops reading, so that what comes fills the buffers on the way. */
  pause(): void
  resume(): void
  /** Takes the next frame; waits for it. Throws at the end of the stream. */
  next(): Promise<ScriptedFrame>
  /** Waits until something is so, and asks whenever something has come. Throws at the end of the stream. */
  until(isSo: () => boolean): Promise<void>
  /** Waits for the end of the stream; takes the frames that came before it. */
  untilEnd(): Promise<ScriptedFrame[]>
}

/** A peer at one end of a duplex: it reads lengths and types of frames, and knows nothing else. */
export function scriptedPeer(duplex: ByteDuplex): ScriptedPeer {
  return new HandPlayedPeer(duplex)
}

const LENGTH_BYTES = 4
const TYPE_BYTES = 2

export class HandPlayedPeer implements ScriptedPeer {
  readonly frames: ScriptedFrame[] = []
  hasEnded = false
  failure: unknown
  readonly #duplex: ByteDuplex
  readonly #outgoing: Uint8Array[] = []
  readonly #chunks: Uint8Array[] = []
  /** What no frame was made of yet, in pieces: they are joined when there is enough for the next one. */
  #rest: Uint8Array[] = []
  #held = 0
  #wanted = LENGTH_BYTES
  #isOver = false
  #wake: () => void = () => {}
  #paused: Promise<void> | undefined
  #unpause: () => void = () => {}
  #waiting: (() => void)[] = []

  constructor(duplex: ByteDuplex) {
    this.#duplex = duplex
    // What breaks the one breaks the other, and reading tells of it.
    void duplex.sink(this.#pieces()).catch(() => {})
    void this.#read()
  }

  get received(): Uint8Array {
    const all = joined(this.#chunks)
    this.#chunks.splice(0, this.#chunks.length, all)
    return this.view(all)
  }

  send(...parts: (string | Uint8Array)[]): void {
    this.#outgoing.push(joined(parts.map((part) => (typeof part === 'string' ? bytesOf(part) : part))))
    this.#wake()
  }

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  cut(): void {
    this.end()
    this.#duplex.abort?.(new Error('The scripted peer cut the connection'))
  }

  pause(): void {
    this.#paused ??= new Promise((resolve) => (this.#unpause = resolve))
  }

  resume(): void {
    this.#paused = undefined
    this.#unpause()
  }

  async next(): Promise<ScriptedFrame> {
    await this.#wait(() => this.frames.length > 0, 'Expected a frame, the stream ended')
    return this.frames.shift() as ScriptedFrame
  }

  until(isSo: () => boolean): Promise<void> {
    return this.#wait(isSo, `Expected this to become so before the end of the stream: ${isSo.toString()}`)
  }

  async untilEnd(): Promise<ScriptedFrame[]> {
    while (!this.hasEnded) await this.#change()
    return this.frames.splice(0)
  }

  /** As what bytes are shown. */
  protected view(bytes: Uint8Array): Uint8Array {
    return bytes
  }

  async #wait(isSo: () => boolean, otherwise: string): Promise<void> {
    while (!isSo()) {
      if (this.hasEnded) throw new Error(otherwise, { cause: this.failure })
      await this.#change()
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#outgoing.shift()
      if (piece !== undefined) yield piece
      else if (this.#isOver) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async #read(): Promise<void> {
    try {
      await this.#takeAll(this.#duplex.source[Symbol.asyncIterator]())
    } catch (error) {
      this.failure = error
    }
    this.hasEnded = true
    this.#tell()
  }

  async #takeAll(source: AsyncIterator<Bytes>): Promise<void> {
    for (;;) {
      await this.#paused
      const { done, value } = await source.next()
      if (done === true) return
      this.#take(value.slice())
    }
  }

  #take(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#rest.push(chunk)
    this.#held += chunk.length
    if (this.#held >= this.#wanted) this.#cutAll(joined(this.#rest))
    this.#tell()
  }

  /** All frames that are there whole. */
  #cutAll(bytes: Uint8Array): void {
    let rest = bytes
    for (;;) {
      this.#wanted = LENGTH_BYTES + (rest.length < LENGTH_BYTES ? 0 : viewOf(rest).getUint32(0))
      if (rest.length < LENGTH_BYTES || rest.length < this.#wanted) break
      this.frames.push(this.#frameOf(rest.subarray(0, this.#wanted)))
      rest = rest.subarray(this.#wanted)
    }
    this.#rest = [rest]
    this.#held = rest.length
  }

  #frameOf(bytes: Uint8Array): ScriptedFrame {
    const isTyped = bytes.length >= LENGTH_BYTES + TYPE_BYTES
    const data = bytes.slice(Math.min(bytes.length, LENGTH_BYTES + TYPE_BYTES))
    return { type: isTyped ? viewOf(bytes).getUint16(LENGTH_BYTES) : -1, data: this.view(data) }
  }
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length)

function bytesOf(hex: string): Uint8Array {
  if (hex.length % 2 > 0 || /[^\da-f]/i.test(hex))
    throw new TypeError(`Expected hexadecimal digits in pairs, got ${JSON.stringify(hex.slice(0, 64))}`)
  const bytes = new Uint8Array(hex.length / 2)
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16)
  return bytes
}
