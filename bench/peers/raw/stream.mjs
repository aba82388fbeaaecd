// @ts-check
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { dial, listen } from '../shared/tcp.mjs'
import { cutter, framed, gatherer } from './frames.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Stream } from '../peer.d.ts' */

/**
 * Longer writes are cut in two on loopback, where a segment has at most 65,483 bytes, and read in two, since libuv reads 64 KiB at a
 * time: three times slower.
 */
const MAX_WRITE_BYTES = 65_483
/** Of payloads that are longer than a write. */
const PIECE_BYTES = 61_440
/** Writes in one turn: a sender that never leaves its turn gets no memory of writes back. */
const WRITES_PER_TURN = 16
/** Frames from here on are gathered. */
const LARGE_BYTES = 16_384

/** @type {Stream} */
export const stream = {
  async receiver(took, { bytes }) {
    return await listen((socket) => socket.on('data', (bytes < LARGE_BYTES ? cutter : gatherer)(took)))
  },

  async sender(address, payloads) {
    const socket = await dial(address)
    const cycleBytes = framed(payloads.cycle).length
    const cycles = Math.max(1, Math.floor(MAX_WRITE_BYTES / cycleBytes))
    const pieces = cut(framed(payloads.cycle, cycles))
    for (let writes = 0; payloads.takeCycles(cycles);) {
      for (const piece of pieces) await written(socket, piece)
      writes += pieces.length
      if (writes % WRITES_PER_TURN < pieces.length) await turn()
    }
    socket.end()
    await once(socket, 'finish')
  },
}

/** @param {Buffer} batch */
export function cut(batch) {
  if (batch.length <= MAX_WRITE_BYTES) return [batch]
  return Array.from({ length: Math.ceil(batch.length / PIECE_BYTES) }, (_, index) =>
    batch.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
  )
}

/**
 * Writes, and waits where the kernel did not take all of it. What `write` returns says less: a write as long as the high-water mark
 * makes it false even when nothing waits.
 * @param {Socket} socket
 * @param {Uint8Array} bytes
 */
export async function written(socket, bytes) {
  if (!socket.write(bytes) && socket.writableLength > 0) await once(socket, 'drain')
}
