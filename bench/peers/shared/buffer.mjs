// @ts-check

/**
 * The same bytes, for those who take nothing but a buffer.
 * @param {Uint8Array} bytes
 */
export function bufferOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength)
}
