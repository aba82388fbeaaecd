import { takeInput } from '../env/host.ts'
import { copyOf } from '../env/views.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Ring } from '../queue/ring.ts'
import { Pulled } from './pulled.ts'
import type { Puller } from './pulled.ts'
import type { Bytes } from './transport.ts'

/** What waits to be read: past either, whoever feeds the inlet pauses. In pairs, as 1-byte pieces cost more than their bytes. */
export const MAX_WAITING_BYTES: number = 256 * 1024
const MAX_WAITING_PIECES = 64
/** Bytes that come with one read of the system at most: twice as many as Node reads. */
export const MAX_READ_BYTES = 131_072

type Result = IteratorResult<Bytes, undefined>
const END: Result = { done: true, value: undefined }
const RESOLVED: Promise<void> = Promise.resolve()

/**
 * The reading half of a connection, fed from outside. One reader: an overlapping `next()` rejects with `ITERATOR_BUSY`.
 * `return()` says that the rest is not wanted: what still arrives is dropped, for unread bytes would make the system
 * reset the connection and take with it what we still send.
 */
export abstract class Inlet extends Pulled {
  /** Most of the time, a reader waits for what comes. */
  #pieces: Ring<Bytes> | undefined
  #bytes = 0
  /** The reader that waits. */
  #puller: Puller | undefined
  #over = false
  #failure: unknown

  /** Pieces that nobody has taken yet. */
  get size(): number {
    return this.#pieces?.size ?? 0
  }

  /** What all of them hold. */
  get bytes(): number {
    return this.#bytes
  }

  /** Time to pause. */
  get full(): boolean {
    return this.#bytes >= MAX_WAITING_BYTES || this.size >= MAX_WAITING_PIECES
  }

  /** Time to go on; well below `full`, so that a slow reader does not pause and resume at each piece. */
  get low(): boolean {
    return this.#bytes <= MAX_WAITING_BYTES / 2 && this.size <= MAX_WAITING_PIECES / 2
  }

  push(piece: Bytes): void {
    if (this.#over || piece.length === 0) return
    const puller = this.#puller
    if (puller === undefined) return this.#keep(piece)
    this.#puller = undefined
    this.hand(piece, puller)
  }

  /** The same, for bytes that stay what they are only within this call. */
  lend(piece: Uint8Array): void {
    this.push(this.#puller?.borrows === true ? piece : copyOf(piece))
  }

  /** Puts back what was read beyond what its reader wanted: the next one gets it first, even behind the end. */
  unread(piece: Bytes): void {
    const later: Bytes[] = []
    while (this.size > 0) later.push(this.#take())
    for (const each of [piece, ...later]) this.#keep(each)
  }

  /** Nothing more will come; what waits can still be read. */
  end(): void {
    if (this.#over) return
    this.#over = true
    this.#answer((puller) => puller.onEnd())
  }

  /** The connection broke: reading fails once what waits was read. Does nothing after the end. */
  fail(reason: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#failure = reason
    this.#answer((puller) => puller.onError(reason))
  }

  /** Like `fail`, but at once: what waits is dropped. */
  cut(reason: unknown): void {
    this.#clear()
    this.fail(reason)
  }

  pull(puller: Puller): void {
    if (this.#puller !== undefined) return puller.onError(busy())
    if (this.size > 0) return puller.onPiece(this.#shift())
    if (this.#failure !== undefined) return puller.onError(this.#failure)
    if (this.#over) return puller.onEnd()
    this.#puller = puller
    this.read()
  }

  return(): Promise<Result> {
    this.#clear()
    this.end()
    this.read()
    return Promise.resolve(END)
  }

  /** Gives a piece that has just come to the reader that waits for it. */
  protected hand(piece: Bytes, puller: Puller): void {
    takeInput(puller, piece)
  }

  /** A piece was taken or is waited for, or the rest is not wanted. */
  protected abstract read(): void

  #shift(): Bytes {
    const piece = this.#take()
    this.read()
    return piece
  }

  #keep(piece: Bytes): void {
    this.#pieces ??= new Ring()
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }

  #take(): Bytes {
    const piece = this.#pieces?.shift() as Bytes
    this.#bytes -= piece.length
    return piece
  }

  /** In a turn of its own: whoever ends or breaks the connection has more to do about that than to tell its reader. */
  #answer(tell: (puller: Puller) => void): void {
    const puller = this.#puller
    this.#puller = undefined
    if (puller !== undefined) void RESOLVED.then(() => tell(puller))
  }

  #clear(): void {
    this.#pieces?.clear()
    this.#bytes = 0
  }
}

/** An inlet for whoever feeds it and has nothing else to tell it: calls back where a piece was taken or is waited for, or the rest is not wanted. */
export class ToldInlet extends Inlet {
  readonly #wasRead: () => void

  constructor(wasRead: () => void) {
    super()
    this.#wasRead = wasRead
  }

  protected override read(): void {
    this.#wasRead()
  }
}

function busy(): NetQueueError {
  return new NetQueueError('ITERATOR_BUSY', 'The previous next() of this source is still waiting')
}
