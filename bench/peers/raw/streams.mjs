// @ts-check
import { setImmediate as turn } from 'node:timers/promises'
import { dial, listen } from '../shared/tcp.mjs'
import { cutter, frameOf, gatherer } from './frames.mjs'
import { cut, written } from './stream.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Streams } from '../peer.d.ts' */

/** What a connection is for says its first frame: this, or how many chunks. */
const QUESTIONS = 'questions'
/** Writes in one turn: a sender that never leaves its turn gets no memory of writes back. */
const WRITES_PER_TURN = 16

/** Each stream has a connection of its own, and all questions share one: nothing has to be divided up. @type {Streams} */
export const streams = {
  async source({ chunks, answer }) {
    const pieces = chunks.map((chunk) => cut(frameOf(chunk)))
    return await listen((socket) => {
      /** @type {((frame: Buffer) => Promise<unknown>) | undefined} */
      let take
      const answered = async (/** @type {Buffer} */ question) => socket.write(frameOf(await answer(question)))
      const begin = async (/** @type {Buffer} */ frame) => {
        const purpose = frame.toString()
        if (purpose === QUESTIONS) take = answered
        else await sendAll(socket, pieces, Number(purpose))
      }
      socket.on(
        'data',
        cutter((frame) => void (take ?? begin)(frame)),
      )
    })
  },

  async reader(address) {
    const questions = await open(address, QUESTIONS)
    /** @type {((answer: Uint8Array) => void)[]} */
    const waiting = []
    questions.on(
      'data',
      cutter((answer) => waiting.shift()?.(answer)),
    )
    return {
      async read(count, took) {
        const socket = await open(address, String(count))
        await takeAll(socket, count, took)
        socket.destroy()
      },
      ask: (question) =>
        new Promise((resolve) => {
          waiting.push(resolve)
          questions.write(frameOf(question))
        }),
    }
  },
}

/**
 * @param {string} address
 * @param {string} purpose
 */
async function open(address, purpose) {
  const socket = await dial(address)
  socket.write(frameOf(Buffer.from(purpose)))
  return socket
}

/**
 * @param {Socket} socket
 * @param {readonly (readonly Buffer[])[]} cycle of chunks, each in writes
 * @param {number} count
 */
async function sendAll(socket, cycle, count) {
  for (let sent = 0; sent < count; sent += 1) {
    for (const piece of cycle[sent % cycle.length] ?? []) await written(socket, piece)
    if (sent % WRITES_PER_TURN === 0) await turn()
  }
}

/**
 * @param {Socket} socket
 * @param {number} count
 * @param {(chunk: Uint8Array) => void | Promise<void>} took
 * @returns {Promise<void>}
 */
function takeAll(socket, count, took) {
  return new Promise((resolve, reject) => {
    let left = count
    /** @type {Buffer[]} */
    const frames = []
    const gather = gatherer((frame) => frames.push(frame))
    const takeFrames = async () => {
      for (let frame = frames.shift(); frame !== undefined; frame = frames.shift()) {
        const taking = took(frame)
        if (taking !== undefined) {
          socket.pause()
          await taking
          socket.resume()
        }
        if ((left -= 1) === 0) resolve()
      }
    }
    socket.on('data', (chunk) => {
      gather(chunk)
      takeFrames().catch(reject)
    })
  })
}
