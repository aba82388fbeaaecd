import { NetQueueError } from '../../errors/errors.ts'
import type { Denials } from '../../message/denials.ts'
import type { Bytes } from '../../transport/transport.ts'
import type { Limits } from '../../options/limits.ts'
import { FlushedItems } from '../flushed-items.ts'
import { MuteWriter } from '../mute-writer.ts'
import { listed } from '../payloads.ts'
import type { Role } from '../handshake.ts'
import type { Message, Writer } from '../message.ts'
import type { Peer, Wire } from '../wire.ts'
import type { Supports } from '../supports.ts'
import { decodeText, encodeText } from './bytes.ts'
import { itemTooLarge } from '../failures.ts'
import { frameData, frameOf, frameType, FrameType, unexpected } from './frame-types.ts'

export const ORIGINAL = 'net-queue'
export const originalSupports: Supports = {
  items: true,
  credit: false,
  settle: false,
  result: false,
  request: false,
  stream: false,
  message: false,
  headers: false,
  heartbeat: false,
}

const NEWLINE = 0x0a
/** Items that one ENQUEUE may hold; more would cost far more memory than the frame itself. */
const MAX_ITEMS = 65_535
/** The longest item that an original is sent: it loses frames of more than some 100 kB. */
const MAX_ITEM_BYTES = 99_000

/**
 * The seed's protocol, whose peers know neither credit nor settle: they have credit for one item while the socket is flushed,
 * and what was flushed counts as settled.
 */
export class OriginalWire implements Wire {
  readonly peer: Peer
  readonly typed = false
  readonly #writer = new OriginalWriter()
  readonly #flushed = new FlushedItems()
  readonly #role: Role
  #answered = false
  #received = 0

  constructor(role: Role, id: string, limits: Limits, denied?: Denials) {
    this.#role = role
    const { maxItemBytes } = limits
    this.peer = {
      id,
      tags: [],
      status: undefined,
      isPaced: false,
      protocol: ORIGINAL,
      supports: originalSupports,
      maxItemBytes,
      maxUnsettled: limits.maxUnsettled,
      denied,
    }
  }

  /** An original has no sessions: nothing is counted. */
  decode(pieces: Bytes, take: (message: Message) => void): false {
    this.#read(pieces.subarray(), take)
    return false
  }

  encode(fill: (writer: Writer) => void): Uint8Array | undefined {
    return this.#writer.next(fill)
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }

  error(): Uint8Array {
    return this.disconnect()
  }

  flushed(take: (message: Message) => void): void {
    this.#flushed.tell(this.#writer.sent, take)
  }

  carry(item: unknown): Uint8Array | undefined {
    const payload = typeof item === 'string' ? encodeText(item) : item
    if (!(payload instanceof Uint8Array) || payload.length > MAX_ITEM_BYTES || payload.includes(NEWLINE))
      return undefined
    return typeof item === 'string' || isText(payload) ? payload : undefined
  }

  #read(frame: Uint8Array, take: (message: Message) => void): void {
    switch (frameType(frame)) {
      case FrameType.CONN:
        return this.#answer()
      case FrameType.DISCONN:
        return take({ type: 'disconnect' })
      case FrameType.STATUS:
        return take({ type: 'status', value: decodeText(frameData(frame), 'a STATUS') })
      case FrameType.PING:
        return take({ type: 'ping', token: 0 })
      case FrameType.PONG:
        return
      case FrameType.ENQUEUE:
        return this.#enqueue(frameData(frame), take)
      default:
        throw unexpected(frameType(frame))
    }
  }

  #answer(): void {
    if (this.#role === 'server' && !this.#answered) this.#writer.conn()
    this.#answered = true
  }

  #enqueue(data: Uint8Array, take: (message: Message) => void): void {
    decodeText(data, 'an ENQUEUE')
    const payloads: Uint8Array[] = []
    for (let from = 0; from <= data.length;) {
      const end = data.indexOf(NEWLINE, from)
      const to = end === -1 ? data.length : end
      if (to - from > this.peer.maxItemBytes) throw itemTooLarge(to - from, this.peer.maxItemBytes)
      payloads.push(data.subarray(from, to))
      from = to + 1
      if (payloads.length > MAX_ITEMS)
        throw new NetQueueError('INBOX_OVERFLOW', `The peer sent more than ${MAX_ITEMS} items in one frame`)
    }
    take({ type: 'items', first: this.#received + 1, attempt: 1, wantsResult: false, payloads: listed(payloads) })
    this.#received += payloads.length
  }
}

/** What an original knows as a status is text; any other value goes as JSON. */
export function statusFrame(value: unknown): Uint8Array {
  return frameOf(FrameType.STATUS, encodeText(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')))
}

function isText(data: Uint8Array): boolean {
  try {
    decodeText(data, 'an item')
    return true
  } catch {
    return false
  }
}

/** One frame for each thing said; what the protocol has no words for is left unsaid. */
class OriginalWriter extends MuteWriter {
  readonly #frames: Uint8Array[] = []
  #sent = 0
  #hasItem = false

  /** Items written so far. */
  get sent(): number {
    return this.#sent
  }

  next(fill: (writer: Writer) => void): Uint8Array | undefined {
    if (this.#frames.length > 0) return this.#frames.shift()
    this.#hasItem = false
    fill(this)
    return this.#frames.shift()
  }

  conn(): void {
    this.#frames.push(frameOf(FrameType.CONN))
  }

  override item(_seq: number, payload: Uint8Array): boolean {
    if (this.#hasItem) return false
    this.#hasItem = true
    this.#sent += 1
    this.#frames.push(frameOf(FrameType.ENQUEUE, payload))
    return true
  }

  override status(value: unknown): boolean {
    this.#frames.push(statusFrame(value))
    return true
  }

  override pong(): void {
    this.#frames.push(frameOf(FrameType.PONG))
  }
}
