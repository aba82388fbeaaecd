// @ts-check
// Frames: a 4-byte length, then so many bytes.

export const HEADER_BYTES = 4
/** @type {Buffer} */
const NOTHING = Buffer.alloc(0)

/**
 * @param {readonly Uint8Array[]} payloads
 * @param {number} [times] how often all of them
 */
export function framed(payloads, times = 1) {
  const once = Buffer.concat(payloads.map(frameOf))
  return Buffer.concat(Array.from({ length: times }, () => once))
}

/** @param {Uint8Array} payload */
export function frameOf(payload) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.byteLength)
  frame.writeUInt32BE(payload.byteLength)
  frame.set(payload, HEADER_BYTES)
  return frame
}

/**
 * Cuts chunks into frames. Small ones come as parts of their chunk, and what is left of one goes in front of the next.
 * @param {(frame: Buffer) => void} take
 * @returns {(chunk: Buffer) => void}
 */
export function cutter(take) {
  let rest = NOTHING
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const length = bytes.length
    let at = 0
    while (length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + bytes.readUInt32BE(at)
      if (end > length) break
      take(bytes.subarray(at + HEADER_BYTES, end))
      at = end
    }
    rest = at === length ? NOTHING : bytes.subarray(at)
  }
}

/**
 * The same for frames longer than a chunk, of which each is copied once, into memory of its own.
 * @param {(frame: Buffer) => void} take
 * @returns {(chunk: Buffer) => void}
 */
export function gatherer(take) {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let frame = NOTHING
  let filled = 0
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (headerBytes < HEADER_BYTES) {
        const part = chunk.copy(header, headerBytes, at)
        headerBytes += part
        at += part
        if (headerBytes < HEADER_BYTES) return
        frame = Buffer.allocUnsafeSlow(header.readUInt32BE())
        filled = 0
      }
      const part = chunk.copy(frame, filled, at)
      filled += part
      at += part
      if (filled < frame.length) return
      take(frame)
      headerBytes = 0
    }
  }
}
