import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { Authority } from '../../test/support/certificates.ts'
import { ending } from '../../test/support/bytes.ts'
import { expectHandles, handles, leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
import type { ByteDuplex, Listener, Transport } from './transport.ts'
import { websocket } from './websocket.ts'
import type { WebSocketOptions } from './websocket.ts'

const authority = await Authority.found()
const identity = await authority.issue()
const tls = { ca: authority.ca, ...identity }

/** Empty, with a mask of zeros, as a client has to send it. */
const PING = Buffer.from([0x89, 0x80, 0, 0, 0, 0])

/** Listens on an HTTP server that is made for each listener, and goes with it. */
function attached(options: WebSocketOptions): Transport {
  const clients = websocket({ tls, ...options })
  const listen = async (address: string): Promise<Listener> => {
    const { protocol, port } = new URL(address)
    const server = protocol === 'wss:' ? createSecure(identity) : createServer()
    await new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve))
    const listener = await websocket({ ...options, server }).listen(address)
    const close = async (): Promise<void> => {
      await listener.close()
      server.close()
    }
    return { address: listener.address, close, [Symbol.asyncIterator]: () => listener[Symbol.asyncIterator]() }
  }
  return {
    form: clients.form,
    accepts: (address) => clients.accepts(address),
    exposed: () => false,
    connect: (address, dial) => clients.connect(address, dial),
    listen: async (address) => (URL.canParse(address) ? listen(address) : clients.listen(address)),
  }
}

for (const scheme of ['ws', 'wss']) {
  const address = `${scheme}://127.0.0.1:0/queue`
  const nobody = `${scheme}://127.0.0.1:1/queue`
  testTransport(
    {
      name: `${scheme}, on a port of its own`,
      create: (options) => websocket({ tls, ...options }),
      address,
      nobody,
      around: leavingNoHandle,
    },
    { describe, test },
  )
  testTransport(
    {
      name: `${scheme}, on a server that exists`,
      create: (options) => attached({ ...options }),
      address,
      nobody,
      around: leavingNoHandle,
      skips: {
        'listen where somebody listens rejects with LISTEN_FAILED, and the first goes on':
          'the port is not listened at by us',
      },
    },
    { describe, test },
  )
}

/** A client that asks for a WebSocket by hand. */
function asking(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  const headers = ['Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13']
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
  socket.write(`GET / HTTP/1.1\r\n${[...headers, key].join('\r\n')}\r\n\r\n`)
  return socket
}

test('P7: a peer that floods pings is cut: no more than 60 answers wait for it', async () => {
  const before = handles()
  const listener = await websocket().listen('ws://127.0.0.1:0')
  const socket = asking(Number(new URL(listener.address).port))
  const { value: served } = (await listener[Symbol.asyncIterator]().next()) as { value: ByteDuplex }
  const end = ending(served.source)
  await once(socket, 'data')
  socket.pause()
  socket.write(Buffer.concat(Array<Buffer>(1_000).fill(PING)))
  expect(await end).toMatch(/ended|broken/)
  socket.destroy()
  await listener.close()
  await expectHandles(before)
})

test('a host that is the name of an interface is where it listens, by an address that others can use', async () => {
  const isLoopback = ([, all]: [string, { address: string }[] | undefined]): boolean =>
    all?.some((each) => each.address === '127.0.0.1') === true
  const [name] = Object.entries(networkInterfaces()).find(isLoopback) ?? []
  const transport = websocket()
  const listener = await transport.listen(`ws://${String(name)}:0/queue`)
  expect(listener.address).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/queue$/)
  await listener.close()
})
