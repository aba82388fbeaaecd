// @ts-check
// What no peer of netqueue/1 sends, and what others send by mistake. docs/protocol.md says what the server answers.

/**
 * @typedef {object} Input
 * @property {string} name
 * @property {Uint8Array} bytes
 * @property {'wait' | 'end' | 'reset'} afterwards waits for the server to close, ends the stream, or resets it
 */

const MAX_HELLO_BYTES = 8_192
const MAGIC = [0x6e, 0x65, 0x74, 0x71, 0x0d, 0x0a, 0x1a, 0x0a]
const CONN = 1
const BATCH = 19
const text = new TextEncoder()

/** @type {readonly Input[]} */
export const inputs = [
  ...[0, 1, MAX_HELLO_BYTES + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((length) => ({
    name: `length ${length}, no body`,
    bytes: u32(length),
    afterwards: /** @type {const} */ ('wait'),
  })),
  { name: 'the longest body, which never comes', bytes: u32(MAX_HELLO_BYTES), afterwards: 'wait' },
  { name: 'half a header', bytes: u32(100).subarray(0, 2), afterwards: 'end' },
  { name: 'half a body', bytes: join(u32(100), noise(50)), afterwards: 'end' },
  { name: 'half a body, reset', bytes: join(u32(100), noise(50)), afterwards: 'reset' },
  { name: 'unknown type 7', bytes: frame(7), afterwards: 'wait' },
  { name: 'unknown type 65535', bytes: frame(0xffff), afterwards: 'wait' },
  { name: 'a batch before the introduction', bytes: frame(BATCH, noise(64)), afterwards: 'wait' },
  { name: 'an introduction that ends early', bytes: frame(CONN, Uint8Array.from([...MAGIC, 1])), afterwards: 'wait' },
  {
    name: 'an introduction of noise',
    bytes: frame(CONN, Uint8Array.from([...MAGIC, ...noise(600)])),
    afterwards: 'wait',
  },
  {
    name: 'another version',
    bytes: frame(CONN, Uint8Array.from([...MAGIC, 9, 9, ...noise(18), 0])),
    afterwards: 'wait',
  },
  { name: 'noise', bytes: noise(4_096), afterwards: 'wait' },
  { name: 'HTTP', bytes: text.encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), afterwards: 'wait' },
  { name: 'TLS', bytes: Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...noise(506)]), afterwards: 'wait' },
  { name: 'nothing', bytes: new Uint8Array(0), afterwards: 'reset' },
]

/** @param {number} value */
function u32(value) {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

/**
 * @param {number} type
 * @param {Uint8Array} [data]
 */
function frame(type, data = new Uint8Array(0)) {
  return join(u32(data.byteLength + 2), Uint8Array.of(type >>> 8, type & 0xff), data)
}

/** @param {Uint8Array[]} parts */
function join(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** The same in every run. @param {number} length */
function noise(length) {
  let state = 0x9e37_79b9
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}
