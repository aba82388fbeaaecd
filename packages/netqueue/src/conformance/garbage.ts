import type { Chance } from '../testing/chance.ts'

const MAX_BYTES = 40
/** Beyond the types of frames that there are. */
const TYPES = 24

/** Random bytes, most of which begin like a frame of some type. */
export function garbage(chance: Chance): Uint8Array {
  const bytes = Uint8Array.from({ length: 2 + chance.below(MAX_BYTES) }, () => chance.below(256))
  if (chance.below(4) > 0) bytes.set([0, chance.below(TYPES)])
  return bytes
}

/** A frame in which some bytes are others. */
export function changed(frame: Uint8Array, chance: Chance): Uint8Array {
  const bytes = frame.slice()
  for (let changes = 1 + chance.below(3); changes > 0; changes -= 1)
    bytes[chance.below(bytes.length)] = chance.below(256)
  return bytes
}
