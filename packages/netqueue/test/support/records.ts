import { NetQueueError } from '../../src/errors/errors.ts'
import { newOut } from '../../src/protocol/net-queue/batch.ts'
import { ByteWriter, encodeText } from '../../src/protocol/net-queue/bytes.ts'
import { RecordReader } from '../../src/protocol/net-queue/record-reader.ts'
import { RecordWriter } from '../../src/protocol/net-queue/record-writer.ts'
import type { Writer } from '../../src/protocol/message.ts'

const MAX_ITEM_BYTES = 1_048_576

export const newWriter = (): RecordWriter => new RecordWriter(newOut(), { ordered: 0 })
/** The records of the frame that a call makes, or of the first one. */
export function recordsOf(fill: (writer: Writer) => void): Uint8Array {
  const frame = newWriter().build(fill)
  if (frame === undefined) throw new Error('Expected a frame, got none')
  return frame.subarray().subarray(2)
}
export const newReader = (maxItemBytes: number = MAX_ITEM_BYTES): RecordReader =>
  new RecordReader({ maxItemBytes, sentRecords: 0 })

/** Bytes, texts and numbers below 256, one after the other. */
export const bytes = (...parts: (number | string | Uint8Array | number[])[]): Uint8Array =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Uint8Array.of(part) : typeof part === 'string' ? encodeText(part) : Buffer.from(part),
    ),
  )

export const varint = (value: number): Uint8Array => {
  const out = new ByteWriter(new Uint8Array(8))
  out.varint(value)
  return out.take().subarray()
}
/** Data behind its length. */
export const field = (data: Uint8Array | string): Uint8Array => bytes(varint(Buffer.byteLength(data)), data)
export const filled = (length: number): Uint8Array => field(new Uint8Array(length))

/** The code of the error that records lead to, or the types of their messages. */
export function outcome(records: Uint8Array, maxItemBytes: number = MAX_ITEM_BYTES): string {
  const types: string[] = []
  try {
    newReader(maxItemBytes).read(records, ({ type }) => types.push(type))
    return types.join(' ')
  } catch (error) {
    return error instanceof NetQueueError ? error.code : String(error)
  }
}
