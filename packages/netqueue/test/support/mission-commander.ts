const HEADER_BYTES = 64

/** A frame of MissionCommander as the original writes it, written without ours. */
export function mission(subject: string, payload: unknown = {}): Uint8Array {
  const body = Buffer.from(JSON.stringify(payload))
  const header = Buffer.from(`{"length": ${body.length}, "subject": ${JSON.stringify(subject)}}`)
  if (header.length > HEADER_BYTES) throw new RangeError(`Expected a header of 64 bytes, got ${header.length}`)
  return Buffer.concat([header, Buffer.alloc(HEADER_BYTES - header.length), body])
}

/** The frames in some bytes that end with one, as pairs of subject and payload. */
export function missionsIn(bytes: Uint8Array): [subject: string, payload: unknown][] {
  const found: [string, unknown][] = []
  const all = Buffer.from(bytes)
  for (let at = 0; at < all.length;) {
    const header = all
      .subarray(at, at + HEADER_BYTES)
      .toString()
      .replaceAll('\0', '')
    const { length, subject } = JSON.parse(header) as { length: number; subject: string }
    const end = at + HEADER_BYTES + length
    found.push([subject, JSON.parse(all.subarray(at + HEADER_BYTES, end).toString())])
    at = end
  }
  return found
}
