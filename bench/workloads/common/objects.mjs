// @ts-check
// Objects that are sent, for the peers that carry such, or whose users encode them.

import { isDeepStrictEqual } from 'node:util'
import { SMALL_STRIDE } from './payloads.mjs'

/** @import { Reading } from '../../peers/peer.d.ts' */
/** @import { Kind } from './payloads.mjs' */

const COUNT = 60
const VALUES = 8

/** @type {Kind<Reading>} */
export const objectPayloads = {
  cycle: Array.from({ length: COUNT }, (_, id) => reading(id)),
  stride: SMALL_STRIDE,
  indexOf: ({ id, name, values }) => (name.length > 0 && values.length === VALUES ? id : -1),
  isSame: isDeepStrictEqual,
  describe: (item) => JSON.stringify(item),
}

/**
 * Half of the values are whole numbers: MessagePack has few bytes for those, and JSON for the others.
 * @param {number} id
 * @returns {Reading}
 */
function reading(id) {
  const values = Array.from({ length: VALUES }, (_, at) => (at % 2 === 0 ? 100 * at + id : id + at / 4))
  return { id, name: `temperatures of the sensor number ${id}`, values }
}
