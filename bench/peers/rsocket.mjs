// @ts-check
import { createServer } from 'node:net'
import { bufferOf } from './shared/buffer.mjs'
import { Questions } from './shared/questions.mjs'
import { addressOf } from './shared/tcp.mjs'
import { ACK, WINDOW, Window } from './shared/window.mjs'

/** @import { Payload, RSocket } from 'rsocket-core' */
/** @import { Peer } from './peer.d.ts' */

const NOTHING = Buffer.alloc(0)
const SETTLED = { data: ACK }
/** So many messages are as good as all, for RSocket. */
const NO_END = 2 ** 31 - 1
/** Bytes that a receiver asks for before they come, in at least so many and at most so many messages. */
const CREDIT = { bytes: 2 ** 21, least: 32, most: 1_024 }

const ignored = { cancel() {}, request() {}, onExtension() {}, onComplete() {}, onNext() {} }

/** @type {Peer} */
export const peer = {
  packages: ['rsocket-core', 'rsocket-tcp-client', 'rsocket-tcp-server'],
  setup: `TCP with noDelay; streams by requestChannel with up to ${CREDIT.most} messages asked for, renewed by halves; requests by requestResponse; work by requestChannel, with at most ${WINDOW} unsettled items per worker, counted by hand, and a message for each that is settled`,

  stream: {
    async receiver(took, { bytes }) {
      const credit = Math.min(CREDIT.most, Math.max(CREDIT.least, Math.floor(CREDIT.bytes / bytes)))
      return await listen(() => ({
        requestChannel(first, _, __, sender) {
          let taken = 0
          const take = (/** @type {Payload} */ { data }) => {
            if (data) took(data)
            if ((taken += 1) % (credit / 2) === 0) sender.request(credit / 2)
          }
          take(first)
          sender.request(credit)
          return { ...ignored, onError: fail, onNext: take, onComplete: () => sender.onComplete() }
        },
      }))
    },

    async sender(address, payloads) {
      const socket = await connect(address)
      await new Promise((resolve, reject) => {
        const first = payloads.next()
        if (first === undefined) return resolve(undefined)
        const channel = socket.requestChannel(payloadOf(first), 1, false, {
          ...ignored,
          onError: reject,
          onComplete: () => resolve(undefined),
          request(count) {
            for (let left = count; left > 0; left -= 1) {
              const item = payloads.next()
              if (item === undefined) return channel.onComplete()
              channel.onNext(payloadOf(item), false)
            }
          },
        })
      })
    },
  },

  work: {
    async producer() {
      const window = new Window()
      const address = await listen(() => ({
        requestChannel(_, __, ___, items) {
          const settled = window.join((item) => items.onNext(payloadOf(item), false))
          items.request(NO_END)
          return { ...ignored, onError: () => {}, onNext: settled }
        },
      }))
      return window.side(address)
    },

    async worker(address, did) {
      const client = await connect(address)
      const settlements = client.requestChannel(SETTLED, NO_END, false, {
        ...ignored,
        onError() {},
        onNext({ data }) {
          if (data) did(data)
          settlements.onNext(SETTLED, false)
        },
      })
      await closed(client)
    },
  },

  requests: {
    async asker() {
      const questions = new Questions()
      const address = await listen((client) => {
        questions.join((question, answered) =>
          client.requestResponse(payloadOf(question), {
            ...ignored,
            onError: fail,
            onNext: ({ data }) => answered(data ?? NOTHING),
          }),
        )
        return {}
      })
      return questions.side(address)
    },

    async answerer(address, answer) {
      await closed(await connect(address, answer))
    },
  },
}

/** @param {(client: RSocket) => Partial<RSocket>} accept */
async function listen(accept) {
  const [{ RSocketServer }, { TcpServerTransport }] = await Promise.all([
    import('rsocket-core'),
    import('rsocket-tcp-server'),
  ])
  const server = createServer({ noDelay: true })
  await new RSocketServer({
    transport: new TcpServerTransport({ listenOptions: { host: '127.0.0.1', port: 0 }, socketCreator: () => server }),
    acceptor: { accept: async (_, client) => accept(client) },
  }).bind()
  return addressOf(server)
}

/**
 * @param {string} address
 * @param {(question: Uint8Array) => Uint8Array} [answer]
 */
async function connect(address, answer = () => NOTHING) {
  const [{ RSocketConnector }, { TcpClientTransport }] = await Promise.all([
    import('rsocket-core'),
    import('rsocket-tcp-client'),
  ])
  const { hostname, port } = new URL(address)
  return new RSocketConnector({
    transport: new TcpClientTransport({ connectionOptions: { host: hostname, port: Number(port), noDelay: true } }),
    responder: {
      requestResponse({ data }, asker) {
        asker.onNext(payloadOf(answer(data ?? NOTHING)), true)
        return ignored
      },
    },
  }).connect()
}

/** @param {RSocket} client */
function closed(client) {
  return new Promise((resolve) => client.onClose(resolve))
}

/** @param {Uint8Array} bytes */
function payloadOf(bytes) {
  return { data: bufferOf(bytes) }
}

/** @param {Error} error */
function fail(error) {
  throw error
}
