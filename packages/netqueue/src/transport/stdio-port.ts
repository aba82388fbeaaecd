import type { MessagePort } from 'node:worker_threads'
import { Ring } from '../queue/ring.ts'
import { connectionLost } from './failures.ts'
import { ToldInlet } from './inlet.ts'
import type { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'
import type { ByteDuplex, Bytes } from './transport.ts'

/** What goes over a port: a piece of bytes, how many pieces were taken, the end of one side, the break of both. */
type Parcel = Uint8Array | number | 'end' | 'break'

/** What may be under way, sent and not known to be taken. In pairs, as 1-byte pieces cost more than their bytes. */
const WINDOW_BYTES = 256 * 1024
const WINDOW_PIECES = 64

/** So much is taken before the sender is told: often enough that it need not stop, and not for every piece. */
const TOLD_BYTES = WINDOW_BYTES / 4
const TOLD_PIECES = WINDOW_PIECES / 4

export interface PortInit {
  remoteAddress: string | undefined
}

/**
 * A message port as a connection, to a thread or within one. A port itself takes whatever it is given: so each side says what its reader has
 * taken, and sends no more than a window ahead of that. A piece is copied once, and the copy moves over.
 */
export function fromPort(port: MessagePort, { remoteAddress }: PortInit): ByteDuplex {
  return new PortDuplex(port, remoteAddress)
}

class PortDuplex extends Outlet implements ByteDuplex {
  readonly source: Inlet
  readonly remoteAddress?: string
  readonly closed: Promise<void>
  readonly #port: MessagePort
  /** The lengths of the pieces under way, and their sum. */
  readonly #underWay: Ring<number> = new Ring()
  #bytes = 0
  #isBehind = false
  /** Received, and not said to be taken. */
  #untold = { pieces: 0, bytes: 0 }
  #hasEnded = false
  #hasHeardEnd = false

  constructor(port: MessagePort, remoteAddress: string | undefined) {
    super()
    this.#port = port
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    this.source = new ToldInlet(() => this.#tell())
    this.closed = new Promise((resolve) => port.once('close', () => resolve()))
    port.once('close', () => this.#broke())
    port.on('message', (parcel: Parcel) => this.#receive(parcel))
  }

  abort(reason: unknown): void {
    this.source.cut(reason)
    this.fail(reason)
    this.#post('break')
    this.#port.close()
  }

  protected write(bytes: Bytes): boolean {
    const piece = copyOf(bytes)
    this.#underWay.push(piece.length)
    this.#bytes += piece.length
    this.#port.postMessage(piece, [piece.buffer])
    this.#isBehind = this.#bytes >= WINDOW_BYTES || this.#underWay.size >= WINDOW_PIECES
    return !this.#isBehind
  }

  protected end(): void {
    this.#hasEnded = true
    this.#post('end')
    this.ended()
  }

  #receive(parcel: Parcel): void {
    if (parcel === 'end') return this.#heardEnd()
    if (parcel === 'break') return this.#port.close()
    if (typeof parcel === 'number') return this.#told(parcel)
    this.#untold.pieces += 1
    this.#untold.bytes += parcel.length
    this.source.push(parcel)
    this.#tell()
  }

  /** The port is closed by whoever ended first: what the other one said last has then arrived for sure. */
  #heardEnd(): void {
    this.#hasHeardEnd = true
    this.source.end()
    if (this.#hasEnded) this.#port.close()
  }

  #told(pieces: number): void {
    for (let left = pieces; left > 0; left -= 1) this.#bytes -= this.#underWay.shift() ?? 0
    if (!this.#isBehind || this.#bytes >= WINDOW_BYTES) return
    this.#isBehind = false
    this.taken()
  }

  #tell(): void {
    const { pieces, bytes } = this.#untold
    if (!this.source.low || (pieces < TOLD_PIECES && bytes < TOLD_BYTES)) return
    this.#untold = { pieces: 0, bytes: 0 }
    this.#post(pieces)
  }

  #broke(): void {
    if (this.#hasEnded && this.#hasHeardEnd) return
    const reason = connectionLost(this.remoteAddress)
    this.source.fail(reason)
    this.fail(reason)
  }

  #post(parcel: Parcel): void {
    this.#port.postMessage(parcel, [])
  }
}

/** In memory of its own: what it is a part of may be used again, or be shared by others. */
function copyOf(bytes: Bytes): Uint8Array<ArrayBuffer> {
  if (bytes instanceof Uint8Array) return new Uint8Array(bytes)
  const copy = new Uint8Array(bytes.length)
  let at = 0
  for (const piece of bytes) {
    copy.set(piece, at)
    at += piece.length
  }
  return copy
}
