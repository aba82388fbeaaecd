import type { Limits } from '../../options/limits.ts'
import type { Bytes } from '../../transport/transport.ts'
import type { Message, Writer } from '../message.ts'
import type { ErrorNotice, Peer, Wire } from '../wire.ts'
import type { Supports } from '../supports.ts'
import { ByteReader, ByteWriter, joined, MAX_VARINT_BYTES } from './bytes.ts'
import { badMessage } from '../failures.ts'
import { decodeError, encodeError } from './error-frame.ts'
import { frameData, frameOf, frameType, FrameType, TYPE_BYTES, unexpected } from './frame-types.ts'
import { RecordReader } from './record-reader.ts'
import type { RecordReaderInit } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'
import type { Taken } from './record-writer.ts'
import type { Agreement } from './welcome.ts'

export const NATIVE = 'netqueue/1'
export const nativeSupports: Supports = {
  items: true,
  credit: true,
  settle: true,
  result: true,
  request: true,
  stream: true,
  message: true,
  headers: true,
  heartbeat: true,
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** netqueue/1 between two of us: every frame is a batch of records. */
export class NativeWire implements Wire, RecordReaderInit, Taken {
  readonly peer: Peer
  readonly typed = true
  readonly borrows = true
  /** @internal */
  readonly maxItemBytes: number
  readonly #reader: RecordReader
  readonly #writer: RecordWriter

  constructor(welcome: Agreement, id: string, limits: Limits, out: ByteWriter) {
    const { tags, status, isPaced, isRelay, requests, registry, bans } = welcome
    const maxItemBytes = Math.min(welcome.maxItemBytes, limits.maxItemBytes)
    const maxUnsettled = Math.min(welcome.maxUnsettled, limits.maxUnsettled)
    this.peer = {
      id,
      tags,
      status,
      isPaced,
      isRelay,
      protocol: NATIVE,
      supports: nativeSupports,
      maxItemBytes,
      maxUnsettled,
      requests,
      registry,
      denies: bans?.side === 'client' ? bans.denials : undefined,
      denied: bans?.side === 'server' ? bans.denials : undefined,
    }
    this.maxItemBytes = limits.maxItemBytes
    this.#reader = new RecordReader(this)
    this.#writer = new RecordWriter(out, this)
  }

  /** @internal */
  get sentRecords(): number {
    return this.#writer.sentRecords
  }

  /** @internal */
  get ordered(): number {
    return this.#reader.ordered
  }

  decode(frame: Bytes, take: (message: Message) => void): boolean {
    if (frame instanceof Uint8Array) return this.#decode(frame, undefined, take)
    const [first, second] = piecesOf(frame)
    return this.#decode(first, second, take)
  }

  encode(fill: (writer: Writer) => void): Bytes | undefined {
    return this.#writer.build(fill)
  }

  get hasMore(): boolean {
    return this.#writer.hasMore
  }

  ack(batches: number): Uint8Array {
    const out = new ByteWriter(new Uint8Array(MAX_VARINT_BYTES))
    out.varint(batches)
    return frameOf(FrameType.ACK, out.take().subarray())
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }

  error(notice: ErrorNotice): Uint8Array {
    return encodeError(notice)
  }

  carry(_item: unknown, payload: Uint8Array): Uint8Array {
    return payload
  }

  #decode(first: Uint8Array, second: Uint8Array | undefined, take: (message: Message) => void): boolean {
    const type = frameType(first)
    if (type !== FrameType.BATCH) return single(second === undefined ? first : joined([first, second]), type, take)
    this.#reader.read(first, take, second, TYPE_BYTES)
    return true
  }
}

/** At most two: the type stands in the first. */
function piecesOf(frame: Iterable<Uint8Array>): [Uint8Array, Uint8Array | undefined] {
  const [first = NOTHING, ...more] = frame
  const isApart = more.length <= 1 && first.length >= TYPE_BYTES
  return isApart ? [first, more[0]] : [joined([first, ...more]), undefined]
}

/** A frame that says one thing, and is not counted. */
function single(frame: Uint8Array, type: number, take: (message: Message) => void): false {
  if (type === FrameType.ACK) take({ type: 'ack', batches: batchesOf(frameData(frame)) })
  else if (type === FrameType.DISCONN) take({ type: 'disconnect' })
  else if (type === FrameType.ERROR) take(decodeError(frame))
  else throw unexpected(type)
  return false
}

function batchesOf(data: Uint8Array): number {
  const reader = new ByteReader(data)
  const batches = reader.varint()
  if (reader.left > 0) throw badMessage('an ACK that is longer than its number')
  return batches
}
