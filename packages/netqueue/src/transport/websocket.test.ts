import { createServer } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { Authority } from '../../test/support/certificates.ts'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
import type { Listener, Transport } from './transport.ts'
import { websocket } from './websocket.ts'
import type { WebSocketOptions } from './websocket.ts'

const authority = await Authority.found()
const identity = await authority.issue()
const tls = { ca: authority.ca, ...identity }

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

test('a host that is the name of an interface is where it listens, by an address that others can use', async () => {
  const isLoopback = ([, all]: [string, { address: string }[] | undefined]): boolean =>
    all?.some((each) => each.address === '127.0.0.1') === true
  const [name] = Object.entries(networkInterfaces()).find(isLoopback) ?? []
  const transport = websocket()
  const listener = await transport.listen(`ws://${String(name)}:0/queue`)
  expect(listener.address).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/queue$/)
  await listener.close()
})
