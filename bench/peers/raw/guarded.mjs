// @ts-check
// As netqueue's side of a request, with what it refuses: a greeting, a length before each message, a reason for whoever sends another.

import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'

/** @import { Socket } from 'node:net' */
/** @import { Guarded } from '../peer.d.ts' */

const HEADER_BYTES = 4
const MAX_BYTES = 2 ** 20

/** @type {Guarded} */
export const guarded = {
  async asker() {
    /** @type {Record<string, number>} */
    const refusals = {}
    /** @type {Socket[]} */
    const greeted = []
    /** @type {((answer: Uint8Array) => void)[]} */
    const waiting = []
    let check = () => {}
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {})
      let isGreeted = false
      onFrames(
        socket,
        (frame) => {
          if (isGreeted) return waiting.shift()?.(frame)
          if (frame.toString() !== 'hello') return refuse(socket, refusals, 'NO_HELLO')
          isGreeted = true
          greeted.push(socket)
          check()
        },
        () => refuse(socket, refusals, 'BAD_LENGTH'),
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    return {
      address: `tcp://127.0.0.1:${port}`,
      connected: (answerers) =>
        new Promise((resolve) => {
          check = () => greeted.length >= answerers && resolve()
          check()
        }),
      ask: (question) =>
        new Promise((resolve) => {
          waiting.push(resolve)
          greeted[0]?.write(frameOf(question))
        }),
      refusals: () => refusals,
      async close() {
        for (const socket of greeted) socket.destroy()
        server.close()
      },
    }
  },

  async answerer(address, answer) {
    const { hostname, port } = new URL(address)
    const socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
    socket.write(frameOf(Buffer.from('hello')))
    onFrames(
      socket,
      (question) => socket.write(frameOf(answer(question))),
      () => socket.destroy(),
    )
    await once(socket, 'close')
  },
}

/**
 * @param {Socket} socket
 * @param {(frame: Buffer) => void} take
 * @param {() => void} refuse a length that is none
 */
function onFrames(socket, take, refuse) {
  /** @type {Buffer} */
  let rest = Buffer.alloc(0)
  socket.on('data', (/** @type {Buffer} */ chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(at)
      if (length < 2 || length > MAX_BYTES) return refuse()
      if (bytes.length - at - HEADER_BYTES < length) break
      at += HEADER_BYTES
      take(bytes.subarray(at, (at += length)))
    }
    rest = bytes.subarray(at)
  })
}

/**
 * With its reason in one write, as netqueue does.
 * @param {Socket} socket
 * @param {Record<string, number>} refusals
 * @param {string} code
 */
function refuse(socket, refusals, code) {
  refusals[code] = (refusals[code] ?? 0) + 1
  socket.removeAllListeners('data')
  socket.resume()
  socket.end(frameOf(Buffer.from(code)))
}

/** @param {Uint8Array} payload */
function frameOf(payload) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.byteLength)
  frame.writeUInt32BE(payload.byteLength)
  frame.set(payload, HEADER_BYTES)
  return frame
}
