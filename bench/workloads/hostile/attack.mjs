// @ts-check
// Connections that send bad input at a steady rate, bounded in number and time, to loopback only.

import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { inputs } from './inputs.mjs'

/** @import { Input } from './inputs.mjs' */

/** Connections that are open at once. */
const MAX_OPEN = 256
/** How long a connection waits for the server to close it. */
const HOLD_MS = 500

/**
 * @param {{ host: string, port: number, perSecond: number, ms: number }} options
 * @returns {Promise<{ made: number, failed: number }>} connections made, and those that the system refused
 */
export async function attack({ host, port, perSecond, ms }) {
  /** @type {Set<Promise<void>>} */
  const open = new Set()
  const outcome = { made: 0, failed: 0 }
  const start = performance.now()
  let begun = 0
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - start) {
    for (const due = (elapsed / 1_000) * perSecond; begun < due && open.size < MAX_OPEN; begun += 1) {
      const visit = send(host, port, inputs[begun % inputs.length]).then((isMade) => {
        open.delete(visit)
        outcome[isMade ? 'made' : 'failed'] += 1
      })
      open.add(visit)
    }
    await delay(Math.max(1, 1_000 / perSecond))
  }
  await Promise.all(open)
  return outcome
}

/**
 * @param {string} host
 * @param {number} port
 * @param {Input | undefined} input
 * @returns {Promise<boolean>} whether there was a connection; when it is closed
 */
function send(host, port, input) {
  return new Promise((resolve) => {
    let connected = false
    const socket = createConnection({ host, port, noDelay: true }, () => {
      connected = true
      socket.write(input?.bytes ?? '', () => {
        if (input?.afterwards === 'end') socket.end()
        if (input?.afterwards === 'reset') socket.resetAndDestroy()
      })
    })
    // The server may answer, and may reset a connection that goes on talking: both are its right.
    socket.resume()
    socket.on('error', () => {})
    const late = setTimeout(() => socket.destroy(), HOLD_MS)
    socket.on('close', () => {
      clearTimeout(late)
      resolve(connected)
    })
  })
}
