// @ts-check
import { once } from 'node:events'
import { Crowd } from '../shared/crowd.mjs'
import { dial, listen } from '../shared/tcp.mjs'
import { cutter, HEADER_BYTES } from './frames.mjs'
import { Outgoing } from './outgoing.mjs'

/** @import { Requests } from '../peer.d.ts' */

/** A tag of 4 bytes in front of question and answer; what a turn or a chunk brings leaves in one write. @type {Requests} */
export const requests = {
  async asker() {
    /** @type {Crowd<Outgoing>} */
    const answerers = new Crowd()
    const open = new Open()
    const address = await listen((socket) => {
      socket.on(
        'data',
        cutter((answer) => open.resolve(answer.readUInt32BE(), answer.subarray(HEADER_BYTES))),
      )
      answerers.join(new Outgoing(socket))
    })
    return {
      ...answerers.side(address),
      ask: (question) =>
        new Promise((resolve) => {
          const [answerer] = answerers.members
          answerer?.addTagged(open.add(resolve), question)
          answerer?.flushLater()
        }),
    }
  },

  async answerer(address, answer) {
    const socket = await dial(address)
    const outgoing = new Outgoing(socket)
    const take = cutter((question) =>
      outgoing.addTagged(question.readUInt32BE(), answer(question.subarray(HEADER_BYTES))),
    )
    socket.on('data', (chunk) => {
      take(chunk)
      outgoing.flush()
    })
    await once(socket, 'close')
  },
}

/** Questions that wait, each under a tag that no other one has. */
class Open {
  /** @type {((answer: Uint8Array) => void)[]} */
  #byTag = []
  /** @type {number[]} */
  #free = []

  /**
   * @param {(answer: Uint8Array) => void} resolve
   * @returns {number}
   */
  add(resolve) {
    const tag = this.#free.pop() ?? this.#byTag.length
    this.#byTag[tag] = resolve
    return tag
  }

  /**
   * @param {number} tag
   * @param {Uint8Array} answer
   */
  resolve(tag, answer) {
    this.#free.push(tag)
    this.#byTag[tag]?.(answer)
  }
}
