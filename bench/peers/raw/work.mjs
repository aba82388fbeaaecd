// @ts-check
import { once } from 'node:events'
import { sum } from '../../statistics.mjs'
import { Crowd } from '../shared/crowd.mjs'
import { dial, listen } from '../shared/tcp.mjs'
import { WINDOW } from '../shared/window.mjs'
import { cutter, HEADER_BYTES } from './frames.mjs'
import { Outgoing } from './outgoing.mjs'

/** @import { Socket } from 'node:net' */
/** @import { Payloads, Work, WorkProducer } from '../peer.d.ts' */

/** @typedef {{ outgoing: Outgoing, unsettled: number }} Worker */

/** A producer that gives each worker as many items as that may hold, and fills up whenever acks came. */
class Producer {
  /** @type {Crowd<Worker>} */
  #workers = new Crowd()
  /** @type {Payloads | undefined} */
  #payloads
  #settled = () => {}

  /** @param {Socket} socket */
  accept(socket) {
    const worker = { outgoing: new Outgoing(socket), unsettled: 0 }
    const take = cutter((ack) => (worker.unsettled -= ack.readUInt32BE()))
    socket.on('data', (chunk) => {
      take(chunk)
      this.#fill(worker)
      if (this.#payloads === undefined && this.#workers.members.every(({ unsettled }) => unsettled === 0))
        this.#settled()
    })
    this.#workers.join(worker)
  }

  /**
   * @param {string} address
   * @returns {WorkProducer}
   */
  side(address) {
    return {
      ...this.#workers.side(address),
      run: (payloads) => this.#run(payloads),
      unsettled: () => sum(this.#workers.members.map(({ unsettled }) => unsettled)),
    }
  }

  /**
   * @param {Payloads} payloads
   * @returns {Promise<void>}
   */
  #run(payloads) {
    return new Promise((resolve) => {
      this.#settled = resolve
      this.#payloads = payloads
      for (const worker of this.#workers.members) this.#fill(worker)
    })
  }

  /** @param {Worker} worker */
  #fill(worker) {
    while (this.#payloads !== undefined && worker.unsettled < WINDOW) {
      const item = this.#payloads.next()
      if (item === undefined) this.#payloads = undefined
      else {
        worker.outgoing.add(item)
        worker.unsettled += 1
      }
    }
    worker.outgoing.flush()
  }
}

async function producer() {
  const all = new Producer()
  return all.side(await listen((socket) => all.accept(socket)))
}

/**
 * One ack for several items.
 * @param {Outgoing} outgoing
 * @param {number} count
 */
function acknowledge(outgoing, count) {
  const ack = Buffer.allocUnsafe(HEADER_BYTES)
  ack.writeUInt32BE(count)
  outgoing.add(ack)
}

/** Takes items by callback, and acknowledges all of a chunk at once. @type {Work} */
export const work = {
  producer,

  async worker(address, did) {
    const socket = await dial(address)
    const outgoing = new Outgoing(socket)
    let count = 0
    const take = cutter((item) => {
      did(item)
      count += 1
    })
    socket.on('data', (chunk) => {
      take(chunk)
      if (count === 0) return
      acknowledge(outgoing, count)
      outgoing.flush()
      count = 0
    })
    await once(socket, 'close')
  },

  async staller(address) {
    const socket = await dial(address)
    await once(socket, 'data')
    socket.pause()
  },
}

/** Takes items by `for await`, acknowledges each, and sends the acks of a turn together. @type {Work} */
export const workByLoop = {
  producer,

  async worker(address, did) {
    const socket = await dial(address)
    const outgoing = new Outgoing(socket)
    const items = new Items()
    socket.on(
      'data',
      cutter((item) => items.push(item)),
    )
    socket.on('close', () => items.end())
    let count = 0
    const flush = () => {
      acknowledge(outgoing, count)
      outgoing.flush()
      count = 0
    }
    for await (const item of items) {
      did(item)
      if ((count += 1) === 1) process.nextTick(flush)
    }
  },
}

/** What came, for one loop; its room is what the producer may send. @implements {AsyncIterableIterator<Uint8Array>} */
class Items {
  /** @type {Uint8Array[]} */
  #ring = Array.from({ length: WINDOW })
  #first = 0
  #count = 0
  #isOver = false
  /** @type {((result: IteratorResult<Uint8Array, undefined>) => void) | undefined} */
  #waiting;

  [Symbol.asyncIterator]() {
    return this
  }

  /** @param {Uint8Array} item */
  push(item) {
    if (this.#waiting !== undefined) return this.#answer({ done: false, value: item })
    this.#ring[(this.#first + this.#count) % WINDOW] = item
    this.#count += 1
  }

  end() {
    this.#isOver = true
    if (this.#waiting !== undefined) this.#answer({ done: true, value: undefined })
  }

  /** @returns {Promise<IteratorResult<Uint8Array, undefined>>} */
  next() {
    const value = this.#ring[this.#first]
    if (this.#count > 0 && value !== undefined) {
      this.#first = (this.#first + 1) % WINDOW
      this.#count -= 1
      return Promise.resolve({ done: false, value })
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  /** @param {IteratorResult<Uint8Array, undefined>} result */
  #answer(result) {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(result)
  }
}
