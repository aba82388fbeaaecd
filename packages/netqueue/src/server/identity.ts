/** Identities nest no deeper than this, or are not compared. */
const MAX_DEPTH = 16

/** Whether two identities stand for the same client: the same value, or plain data with the same content. */
export function isSameIdentity(one: unknown, other: unknown, depth: number = 0): boolean {
  if (Object.is(one, other)) return true
  if (!isObject(one) || !isObject(other) || depth === MAX_DEPTH) return false
  // Certificates hold more than is worth comparing, and the hash of all of it.
  const { fingerprint256 } = one
  if (typeof fingerprint256 === 'string') return fingerprint256 === other['fingerprint256']
  if (!isData(one) || Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  return keys.every((key) => Object.hasOwn(other, key) && isSameIdentity(one[key], other[key], depth + 1))
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** All that there is of it can be seen by its keys. */
function isData(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Array.isArray(value) || value instanceof Uint8Array
}
