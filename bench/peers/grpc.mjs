// @ts-check
import { once } from 'node:events'
import { bufferOf } from './shared/buffer.mjs'
import { Crowd } from './shared/crowd.mjs'
import { Questions } from './shared/questions.mjs'
import { ACK, WINDOW, Window } from './shared/window.mjs'

/** @import { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js' */
/** @import { Peer } from './peer.d.ts' */

/** More than the 64 KiB of HTTP/2, of which one large item is all. */
const FLOW_CONTROL_BYTES = 2 ** 20
const OPTIONS = {
  'grpc-node.flow_control_window': FLOW_CONTROL_BYTES,
  // It else keeps what a client's stream sends, for a second try, at a cost that grows with it.
  'grpc.per_rpc_retry_buffer_size': 0,
  // Clients in one process else share a connection.
  'grpc.use_local_subchannel_pool': 1,
}

const same = (/** @type {Buffer} */ bytes) => bytes
const service = {
  link: {
    path: '/bench/link',
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
}

/** @type {Peer} */
export const peer = {
  packages: ['@grpc/grpc-js'],
  setup: `grpc-js without TLS and Protocol Buffers: payloads are the messages; nothing kept for retries, flow control window of ${FLOW_CONTROL_BYTES / 2 ** 20} MiB; bidirectional streams that the worker opens; work with at most ${WINDOW} unsettled items per worker, counted by hand, and a message for each that is settled; answers in the order of the questions`,

  stream: {
    async receiver(took) {
      return await listen((sender) => {
        sender.on('data', took)
        sender.on('end', () => sender.end())
      })
    },

    async sender(address, payloads) {
      const call = await open(address, (call) => call.resume())
      for (let item = payloads.next(); item !== undefined; item = payloads.next())
        if (!call.write(bufferOf(item))) await once(call, 'drain')
      call.end()
      await once(call, 'end')
    },
  },

  work: {
    async producer() {
      const window = new Window()
      const address = await listen((call) =>
        call.on(
          'data',
          window.join((item) => void call.write(bufferOf(item))),
        ),
      )
      return window.side(address)
    },

    async worker(address, did) {
      const call = await open(address, (call) =>
        call.on('data', (item) => {
          did(item)
          call.write(ACK)
        }),
      )
      await ended(call)
    },
  },

  requests: {
    async asker() {
      const questions = new Questions()
      const address = await listen((call) =>
        call.on(
          'data',
          questions.joinInOrder((question) => void call.write(bufferOf(question))),
        ),
      )
      return questions.side(address)
    },

    async answerer(address, answer) {
      const call = await open(address, (call) => call.on('data', (question) => call.write(bufferOf(answer(question)))))
      await ended(call)
    },
  },

  idle: {
    async server() {
      const clients = new Crowd()
      const address = await listen((call) => {
        clients.join()
        call.resume()
      })
      return clients.side(address)
    },

    async client(address) {
      await open(address, (call) => call.resume())
    },
  },
}

/** @typedef {ServerDuplexStream<Buffer, Buffer>} Call */

/** @param {(call: Call) => void} opened */
async function listen(opened) {
  const { Metadata, Server, ServerCredentials } = await import('@grpc/grpc-js')
  const server = new Server(OPTIONS)
  server.addService(service, {
    link(/** @type {Call} */ call) {
      // The client waits for them, to know that it is connected.
      call.sendMetadata(new Metadata())
      opened(call)
    },
  })
  const port = await new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  )
  return `127.0.0.1:${port}`
}

/**
 * @param {string} address
 * @param {(call: ClientDuplexStream<Buffer, Buffer>) => void} prepare
 */
async function open(address, prepare) {
  const { Client, credentials } = await import('@grpc/grpc-js')
  const client = new Client(address, credentials.createInsecure(), OPTIONS)
  const call = client.makeBidiStreamRequest(service.link.path, same, same)
  prepare(call)
  await once(call, 'metadata')
  return call
}

/** Not by an error alone: that comes when the server is gone. @param {ClientDuplexStream<Buffer, Buffer>} call */
function ended(call) {
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    call.on('error', () => resolve())
    call.on('end', () => resolve())
  })
}
