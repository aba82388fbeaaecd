// @ts-check
// As netqueue's side of a request, with what it refuses: a greeting, a length before each message, a reason for whoever sends another.

import { once } from 'node:events'
import { Questions } from '../shared/questions.mjs'
import { dial, listen } from '../shared/tcp.mjs'
import { frameOf, HEADER_BYTES } from './frames.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Guarded } from '../peer.d.ts' */

const MAX_BYTES = 2 ** 20

/** @type {Guarded} */
export const guarded = {
  async asker() {
    /** @type {Record<string, number>} */
    const refusals = {}
    const questions = new Questions()
    const address = await listen((socket) => {
      /** @type {((answer: Uint8Array) => void) | undefined} */
      let answered
      onFrames(
        socket,
        (frame) => {
          if (answered !== undefined) return answered(frame)
          if (frame.toString() !== 'hello') return refuse(socket, refusals, 'NO_HELLO')
          answered = questions.joinInOrder((question) => void socket.write(frameOf(question)))
        },
        () => refuse(socket, refusals, 'BAD_LENGTH'),
      )
    })
    return { ...questions.side(address), refusals: () => refusals }
  },

  async answerer(address, answer) {
    const socket = await dial(address)
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
 * What a cutter does, but a length is looked at first, as whoever listens to anybody has to.
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
