import { Encoded } from './encoded.ts'
import type { Layout } from './layout.ts'
import { PREFIX_BYTES } from './roomy.ts'

/** The first bytes of a handshake, which a client begins, and of an alert, with which a server answers what is none. */
const TLS: ReadonlySet<number> = new Set([0x1603, 0x1503])

/** Other protocols' first bytes, read as a length. */
const FOREIGN: Readonly<Record<number, string>> = {
  0x47455420: 'HTTP',
  0x504f5354: 'HTTP',
  0x48454144: 'HTTP',
  0x4f505449: 'HTTP',
  0x48545450: 'HTTP',
  0x5353482d: 'SSH',
  0x7b226c65: 'MissionCommander',
}

/** Frames of at least `minBytes` behind a 4-byte big-endian unsigned length that does not count itself. */
export function lengthPrefix(minBytes: number): Layout {
  return {
    prefixBytes: PREFIX_BYTES,
    minBytes,
    measure: (bytes, at) => (bytes.length - at < PREFIX_BYTES ? undefined : PREFIX_BYTES + lengthAt(bytes, at)),
    encode: (frames) => new Encoded(frames),
    foreign: (length) => (TLS.has(length >>> 16) ? 'TLS' : FOREIGN[length]),
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] as number) * 0x100_0000 + ((bytes[at + 1] as number) << 16)
  return high + ((bytes[at + 2] as number) << 8) + (bytes[at + 3] as number)
}
