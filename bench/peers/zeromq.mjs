// @ts-check
/** @import { Peer } from './peer.d.ts' */

/** ZeroMQ counts messages before it makes a sender wait; 1 on both sides is the least it takes. */
const HIGH_WATER_MARK = 1
const ANY_PORT = 'tcp://127.0.0.1:*'

/** @type {Peer} */
export const peer = {
  packages: ['zeromq'],
  setup: `PUSH/PULL to the workers and PUSH/PULL for the results, high-water mark ${HIGH_WATER_MARK} on both sides of the work`,

  distribute: {
    async producer() {
      const { Pull, Push } = await import('zeromq')
      const work = new Push({ sendHighWaterMark: HIGH_WATER_MARK, linger: 0 })
      const results = new Pull()
      let workers = 0
      let check = () => {}
      work.events.on('handshake', () => {
        workers += 1
        check()
      })
      await work.bind(ANY_PORT)
      await results.bind(ANY_PORT)
      return {
        address: `${work.lastEndpoint} ${results.lastEndpoint}`,
        connected: (wanted) =>
          new Promise((resolve) => {
            check = () => workers >= wanted && resolve()
            check()
          }),
        put: (item) => work.send(item),
        async *results() {
          for await (const [result] of results) yield /** @type {Uint8Array} */ (result)
        },
        async close() {
          work.close()
          results.close()
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
