// @ts-check
// Passes frames on, both ways, and knows nothing of what is in them.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { cutter, HEADER_BYTES } from './frames.mjs'

/** @import { AddressInfo, Socket } from 'node:net' */

/**
 * @param {string} address of the one above
 * @returns {Promise<string>} where to connect instead
 */
export async function hop(address) {
  const { hostname, port } = new URL(address)
  const server = createServer({ noDelay: true }, (below) => {
    const above = connect({ host: hostname, port: Number(port), noDelay: true })
    pass(below, above)
    pass(above, below)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `tcp://127.0.0.1:${/** @type {AddressInfo} */ (server.address()).port}`
}

/**
 * @param {Socket} from
 * @param {Socket} to
 */
function pass(from, to) {
  const header = Buffer.alloc(HEADER_BYTES)
  const cut = cutter((frame) => {
    header.writeUInt32BE(frame.length)
    to.write(Buffer.from(header))
    to.write(frame)
  })
  from.on('data', (chunk) => {
    to.cork()
    cut(chunk)
    to.uncork()
    if (to.writableNeedDrain) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('close', () => to.destroy())
  from.on('error', () => to.destroy())
}
