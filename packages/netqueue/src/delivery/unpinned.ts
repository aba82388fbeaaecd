/** A frame that is this much larger than its items is not kept for them. */
const MAX_PINNED_FACTOR = 4

/** The payloads of one frame, copied out of it where keeping them would keep a frame that is far larger than they are. */
export function unpinned(payloads: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0
  for (const { byteLength } of payloads) bytes += byteLength
  const frameBytes = payloads[0]?.buffer.byteLength ?? 0
  return frameBytes > bytes * MAX_PINNED_FACTOR ? payloads.map((payload) => payload.slice()) : payloads
}
