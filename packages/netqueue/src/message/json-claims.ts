const QUOTE = 0x22
const BACKSLASH = 0x5c

/** What a byte of JSON begins or ends, outside of texts; looked up, as comparing takes twice the time. */
const Sign = { NONE: 0, QUOTE: 1, OPEN: 2, CLOSE: 3, NEXT: 4 } as const
const SIGNS: Uint8Array = new Uint8Array(256)
SIGNS[QUOTE] = Sign.QUOTE
SIGNS[0x5b] = SIGNS[0x7b] = Sign.OPEN
SIGNS[0x5d] = SIGNS[0x7d] = Sign.CLOSE
SIGNS[0x2c] = SIGNS[0x3a] = Sign.NEXT

/**
 * Throws for JSON with more than `maxNodes` values and keys, or with one inside more than `maxDepth` arrays and objects, before it is
 * parsed: the parser takes a million levels, and whoever walks through them overflows the stack. What is no JSON, the parser finds.
 */
export function checkJson(data: Uint8Array, maxDepth: number, maxNodes: number): void {
  // Too short to break either limit: a level takes two bytes, and so do a value and its comma.
  const { length } = data // `byteLength`, asked for in the loop, takes seven times as long
  if (length <= Math.min(maxDepth, maxNodes) * 2) return
  let depth = 0
  let nodes = 0
  for (let at = 0; at < length; at += 1) {
    const sign = SIGNS[data[at] as number]
    if (sign === Sign.NONE) continue
    if (sign === Sign.QUOTE) at = endOfText(data, at)
    else if (sign === Sign.CLOSE) depth -= 1
    else if (sign === Sign.NEXT) nodes += 1
    else if (SIGNS[data[at + 1] ?? 0] === Sign.CLOSE) at += 1 // an empty one is a level of nothing
    else {
      nodes += 1
      depth += 1
      if (depth > maxDepth) throw new RangeError(`Expected at most ${maxDepth} levels of arrays and objects (maxDepth)`)
    }
  }
  if (nodes > maxNodes) throw new RangeError(`Expected at most ${maxNodes} values and keys (maxNodes)`)
}

/** Where the text that begins at `at` has its closing quote. */
function endOfText(data: Uint8Array, at: number): number {
  const { length } = data
  let end = at + 1
  for (; end < length; end += 1) {
    const byte = data[end]
    if (byte === QUOTE) return end
    if (byte === BACKSLASH) end += 1
  }
  return end
}

/** What letters of `__proto__` look like as escapes. */
const ESCAPED = /\\u00[5-7]/

/** Parses, and throws for a key `__proto__`: harmless here, it changes the prototype of whatever its object is copied into. */
export function parseJson(text: string): unknown {
  const isSuspect = text.includes('__proto__') || ESCAPED.test(text)
  return JSON.parse(text, isSuspect ? refuseProto : undefined)
}

function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new TypeError('Expected no key __proto__')
  return value
}
