import { Uint8ArrayList } from 'uint8arraylist'

/** All pieces as one, in memory of its own. */
export function joined(parts: Uint8Array[]): Uint8Array {
  const list = new Uint8ArrayList()
  list.appendAll(parts)
  return list.slice()
}
