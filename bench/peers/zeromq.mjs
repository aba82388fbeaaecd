// @ts-check
import { Crowd } from './shared/crowd.mjs'
import { Questions } from './shared/questions.mjs'
import { WINDOW, Window } from './shared/window.mjs'
import { Pace, REPORTED, WINDOW as PACE_WINDOW } from './zeromq/pace.mjs'

/** @import { Context, Dealer, Pull, Router, Subscriber, XPublisher } from 'zeromq' */
/** @import { Peer } from './peer.d.ts' */

/** ZeroMQ counts messages before it makes a sender wait; 1 on both sides is the least it takes. */
const HIGH_WATER_MARK = 1
const ANY_PORT = 'tcp://127.0.0.1:*'
/** By which a dealer makes itself known to a router, and by which it settles an item: it works in order, so that need not say which. */
const MARK = Uint8Array.of(1)
/** For each client that does nothing; ZeroMQ's own limit is 1,023 in a process. */
const MAX_SOCKETS = 65_535

/** @type {Peer} */
export const peer = {
  packages: ['zeromq'],
  setup: `streams by PUSH/PULL with 1,000 messages or 2 MiB waiting on either side; work and requests by ROUTER and DEALER, with at most ${WINDOW} unsettled items per worker, counted by hand, and a message for each that is settled; where items are shared by a fast and a slow worker, PUSH/PULL both ways with a high-water mark of ${HIGH_WATER_MARK}; messages to all by PUB/SUB (XPUB, to know who has subscribed), which drops what is above 1,000 messages at one client: at most ${PACE_WINDOW} are on their way to the fastest of those that report, one listener in each process`,

  stream: {
    async receiver(took, { bytes }) {
      const { Pull } = await import('zeromq')
      const pull = new Pull({ receiveHighWaterMark: streamMark(bytes) })
      await pull.bind(ANY_PORT)
      void receiveAll(pull, ([item]) => took(/** @type {Buffer} */ (item)))
      return String(pull.lastEndpoint)
    },

    async sender(address, payloads, { bytes }) {
      const { Push } = await import('zeromq')
      const push = new Push({ sendHighWaterMark: streamMark(bytes) })
      push.connect(address)
      for (let item = payloads.next(); item !== undefined; item = payloads.next()) await push.send(item)
      // What is queued still goes out.
      push.close()
    },
  },

  work: {
    async producer() {
      const window = new Window()
      return window.side(await route((send) => window.join(send)))
    },

    async worker(address, did) {
      const dealer = await connectDealer(address)
      await receiveAll(dealer, ([item]) => {
        did(/** @type {Buffer} */ (item))
        return dealer.send(MARK)
      })
    },
  },

  requests: {
    async asker() {
      const questions = new Questions()
      const outbox = new Outbox()
      const address = await route((send) => questions.joinInOrder((question) => outbox.push(() => send(question))))
      return questions.side(address)
    },

    async answerer(address, answer) {
      const dealer = await connectDealer(address)
      await receiveAll(dealer, ([question]) => dealer.send(answer(/** @type {Buffer} */ (question))))
    },
  },

  idle: {
    async server() {
      const clients = new Crowd()
      const address = await route(() => {
        clients.join()
        return () => {}
      })
      return clients.side(address)
    },

    async client(address) {
      const { Dealer } = await import('zeromq')
      // Such a socket is not ready to send before its connection stands.
      const dealer = new Dealer({ context: await manySockets(), immediate: true })
      dealer.connect(address)
      await dealer.send(MARK)
      idle.push(dealer)
    },
  },

  fanOut: {
    async announcer() {
      const { Pull, XPublisher } = await import('zeromq')
      const publisher = new XPublisher({ linger: 0, verbosity: 'allSubs' })
      const reports = new Pull()
      await publisher.bind(ANY_PORT)
      await reports.bind(ANY_PORT)
      const listeners = new Crowd()
      const pace = new Pace()
      void receiveAll(publisher, () => listeners.join())
      void receiveAll(reports, ([listener]) => pace.reported(String(listener)))
      return {
        ...listeners.side(`${publisher.lastEndpoint} ${reports.lastEndpoint}`),
        async announce(message) {
          await pace.room()
          pace.sent()
          await publisher.send(message)
          return 0
        },
      }
    },

    async listener(address, took) {
      const { Subscriber } = await import('zeromq')
      const [news, reports] = /** @type {[string, string]} */ (address.split(' '))
      const subscriber = new Subscriber({ context: await manySockets(), linger: 0 })
      const report = await reporterOnce(reports)
      subscriber.connect(news)
      subscriber.subscribe()
      let taken = 0
      void receiveAll(subscriber, ([message]) => {
        took(/** @type {Buffer} */ (message))
        taken += 1
        return taken % REPORTED === 0 ? report?.() : undefined
      })
    },
  },

  distribute: {
    async producer() {
      const { Pull, Push } = await import('zeromq')
      const work = new Push({ sendHighWaterMark: HIGH_WATER_MARK, linger: 0 })
      const results = new Pull()
      const workers = new Crowd()
      work.events.on('handshake', () => workers.join())
      await work.bind(ANY_PORT)
      await results.bind(ANY_PORT)
      return {
        ...workers.side(`${work.lastEndpoint} ${results.lastEndpoint}`),
        put: (item) => work.send(item),
        async *results() {
          for await (const [result] of results) yield /** @type {Uint8Array} */ (result)
        },
      }
    },

    async worker(address, work) {
      const { Pull, Push } = await import('zeromq')
      const [items, results] = /** @type {[string, string]} */ (address.split(' '))
      const pull = new Pull({ receiveHighWaterMark: HIGH_WATER_MARK })
      const push = new Push()
      push.connect(results)
      pull.connect(items)
      for await (const [item] of pull) await push.send(await work(/** @type {Uint8Array} */ (item)))
    },
  },
}

/** Nothing else keeps them. @type {Dealer[]} */
const idle = []
/** @type {Context | undefined} */
let context

let hasReporter = false

/**
 * What tells the one who sends to all that so many messages came; nothing for all but the first listener of a process.
 * @param {string} address
 */
async function reporterOnce(address) {
  if (hasReporter) return undefined
  hasReporter = true
  const { Push } = await import('zeromq')
  const push = new Push({ linger: 0 })
  push.connect(address)
  const report = () => push.send(String(process.pid))
  await report()
  return report
}

async function manySockets() {
  const { Context } = await import('zeromq')
  context ??= new Context({ maxSockets: MAX_SOCKETS })
  return context
}

/**
 * @param {(send: (message: Uint8Array) => Promise<void>) => (message: Uint8Array) => void} joined takes those who are new, and tells
 *   where their messages go
 * @returns {Promise<string>} the address
 */
async function route(joined) {
  const { Router } = await import('zeromq')
  // Without `mandatory` it drops what it cannot send at once.
  const router = new Router({ mandatory: true, linger: 0 })
  await router.bind(ANY_PORT)
  /** @type {Map<string, (message: Uint8Array) => void>} */
  const known = new Map()
  void receiveAll(router, (parts) => {
    const [id, message] = /** @type {[Buffer, Buffer]} */ (parts)
    const key = id.toString('latin1')
    const take = known.get(key)
    if (take === undefined)
      known.set(
        key,
        joined((message) => router.send([id, message])),
      )
    else take(message)
  })
  return String(router.lastEndpoint)
}

/** A socket takes a message when it has taken the one before, and now and then lets a sender wait for that. */
class Outbox {
  /** @type {(() => Promise<void>)[]} */
  #sends = []
  #isSending = false

  /** @param {() => Promise<void>} send */
  push(send) {
    this.#sends.push(send)
    if (!this.#isSending) void this.#sendAll()
  }

  async #sendAll() {
    this.#isSending = true
    for (let send = this.#sends.shift(); send !== undefined; send = this.#sends.shift()) await send()
    this.#isSending = false
  }
}

/**
 * What `for await` does, with one promise less per message.
 * @param {Dealer | Pull | Router | Subscriber | XPublisher} socket
 * @param {(parts: Buffer[]) => void | Promise<unknown>} take
 */
async function receiveAll(socket, take) {
  try {
    while (!socket.closed) {
      const taking = take(await socket.receive())
      if (taking !== undefined) await taking
    }
  } catch (error) {
    if (!socket.closed) throw error
  }
}

/** Messages that wait on either side of a stream: ZeroMQ's default, or 2 MiB where that is more. @param {number} bytes */
function streamMark(bytes) {
  return Math.max(1_000, Math.floor(2 ** 21 / bytes))
}

/** @param {string} address */
async function connectDealer(address) {
  const { Dealer } = await import('zeromq')
  const dealer = new Dealer({ linger: 0 })
  // It would wait for another router.
  dealer.events.on('disconnect', () => dealer.close())
  dealer.connect(address)
  await dealer.send(MARK)
  return dealer
}
