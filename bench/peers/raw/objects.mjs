// @ts-check
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { dial, listen } from '../shared/tcp.mjs'
import { cutter } from './frames.mjs'
import { Outgoing } from './outgoing.mjs'

/** @import { Reading, Stream } from '../peer.d.ts' */

/** Objects that leave in one write, which is about half as long as the longest one. */
export const BATCH = 256

/**
 * What `encode` gives may be written over by the next call.
 * @typedef {{ encode: (item: Reading) => Uint8Array, decode: (bytes: Buffer) => Reading }} Codec
 */

/**
 * @param {() => Promise<Codec>} load
 * @returns {Stream<Reading>}
 */
export function objectsBy(load) {
  return {
    async receiver(took) {
      const { decode } = await load()
      return await listen((socket) =>
        socket.on(
          'data',
          cutter((frame) => took(decode(frame))),
        ),
      )
    },

    async sender(address, payloads) {
      const { encode } = await load()
      const socket = await dial(address)
      const outgoing = new Outgoing(socket)
      let sent = 0
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) {
        outgoing.add(encode(item))
        if ((sent += 1) % BATCH !== 0) continue
        outgoing.flush()
        if (socket.writableNeedDrain) await once(socket, 'drain')
        await turn()
      }
      outgoing.flush()
      socket.end()
      await once(socket, 'finish')
    },
  }
}

/** @type {Codec} */
export const jsonText = {
  encode: (item) => Buffer.from(JSON.stringify(item)),
  decode: (bytes) => JSON.parse(bytes.toString()),
}
