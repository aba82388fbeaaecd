import { networkInterfaces } from 'node:os'

import { describe, expect, test } from 'vitest'
import { collect } from '../../test/support/bytes.ts'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
import { reachedFrom } from './interfaces.ts'
import { tcp } from './tcp.ts'
import type { ByteDuplex, DialOptions, Listener } from './transport.ts'

const transport = tcp()

const bad = [
  'tcp://127.0.0.1',
  'tcp://:x',
  'tcp://::1:80',
  'tcp://[1.2.3.4]:80',
  'tcp://a:65536',
  'tcp://a b:1',
  'tcp:a:1',
  'tcp://u@a:1',
  'tcp://a:1/b',
]

for (const [name, host, remote] of [
  ['IPv4', '127.0.0.1', /^tcp:\/\/127\.0\.0\.1:\d+$/],
  ['IPv6', '[::1]', /^tcp:\/\/\[::1\]:\d+$/],
  ['a name', 'localhost', /^tcp:\/\/(127\.0\.0\.1|\[::1\]):\d+$/],
] as const)
  testTransport(
    {
      name: `tcp, ${name}`,
      create: tcp,
      address: `tcp://${host}:0`,
      nobody: `tcp://${host}:1`,
      remote,
      bad,
      around: leavingNoHandle,
    },
    { describe, test },
  )

test('port 0 is one that the system chooses', async () => {
  const listener = await transport.listen('tcp://127.0.0.1:0')
  expect(listener.address).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/)
  await listener.close()
})

async function meet(listener: Listener, address: string, options?: DialOptions): Promise<[ByteDuplex, ByteDuplex]> {
  const client = await transport.connect(address, options)
  const { value: served } = await listener[Symbol.asyncIterator]().next()
  return [client, served]
}

async function close(listener: Listener, ...connections: ByteDuplex[]): Promise<void> {
  await Promise.all(connections.flatMap((connection) => [connection.sink([]), collect(connection.source)]))
  await listener.close()
}

describe('exposed', () => {
  test.each([
    ['tcp://127.0.0.1:1', false],
    ['tcp://127.9.8.7:1', false],
    ['tcp://[::1]:1', false],
    ['tcp://[0:0:0:0:0:0:0:1]:1', false],
    ['tcp://[::ffff:127.0.0.1]:1', false],
    ['tcp://localhost:1', false],
    ['tcp://LocalHost:1', false],
    ['tcp://:1', true],
    ['tcp://0.0.0.0:1', true],
    ['tcp://[::]:1', true],
    ['tcp://[::ffff:10.0.0.1]:1', true],
    ['tcp://10.0.0.1:1', true],
    ['tcp://128.0.0.1:1', true],
    ['tcp://127.1:1', true],
    ['tcp://localhost.example.org:1', true],
    ['tcp://127.0.0.1.example.org:1', true],
  ])('%s: %s', (address, exposed) => {
    expect(transport.exposed(address)).toBe(exposed)
  })
})

test('an empty host listens on every interface', async () => {
  const listener = await transport.listen('tcp://:0')
  const port = listener.address.replace('tcp://:', '')
  const [client, served] = await meet(listener, `tcp://127.0.0.1:${port}`)
  expect(client.remoteAddress).toBe(`tcp://127.0.0.1:${port}`)
  await close(listener, client, served)
})

test('an IPv4 peer of an IPv6 listener has an IPv4 address', async () => {
  const listener = await transport.listen('tcp://[::]:0')
  const port = listener.address.replace('tcp://[::]:', '')
  const [client, served] = await meet(listener, `tcp://127.0.0.1:${port}`)
  expect(served.remoteAddress).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
  await close(listener, client, served)
})

test('localAddress and localPort are where the connection comes from', async () => {
  const probe = await transport.listen('tcp://127.0.0.2:0')
  const localPort = Number(probe.address.split(':').at(-1))
  await probe.close()
  const listener = await transport.listen('tcp://127.0.0.1:0')
  const [client, served] = await meet(listener, listener.address, { localAddress: '127.0.0.2', localPort })
  expect(served.remoteAddress).toBe(`tcp://127.0.0.2:${localPort}`)
  await close(listener, client, served)
})

/** This machine's, as the system calls it. */
const LOOPBACK = Object.entries(networkInterfaces()).find(([, all]) =>
  all?.some(({ address }) => address === '127.0.0.1'),
)
const lo = LOOPBACK?.[0] ?? 'lo'

test('localAddress by the name of an interface is an address of it, of the family that is reached', async () => {
  const listener = await transport.listen('tcp://127.0.0.1:0')
  const [client, served] = await meet(listener, listener.address, { localAddress: lo })
  expect(served.remoteAddress).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
  await close(listener, client, served)
  const places = reachedFrom(['192.0.2.1', '2001:db8::1'], lo)
  const all = networkInterfaces()[lo] ?? []
  expect(places.map(({ localAddress }) => localAddress)).toEqual(
    ['IPv4', 'IPv6'].flatMap((family) => all.find((each) => each.family === family)?.address ?? []),
  )
})

test.each(['no-such-if', '::1'])(
  'localAddress %s, which has no way to there, is CONNECT_FAILED',
  async (localAddress) => {
    await expect(transport.connect('tcp://127.0.0.1:1', { localAddress })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      cause: { code: 'EADDRNOTAVAIL' },
    })
  },
)

test('a host that is the name of an interface is where it listens, and loopback is not exposed by that name', async () => {
  expect([transport.exposed(`tcp://${lo}:0`), transport.exposed('tcp://no-such-if:0')]).toEqual([false, true])
  const listener = await transport.listen(`tcp://${lo}:0`)
  expect(listener.address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
  const [client, served] = await meet(listener, listener.address)
  await close(listener, client, served)
})

test.each([
  [{ localAddress: '' }, TypeError, '`localAddress`'],
  [{ localAddress: 'e th' }, TypeError, '`localAddress`'],
  [{ localPort: 65_536 }, RangeError, '`localPort`'],
  [{ localPort: 1.5 }, RangeError, '`localPort`'],
])('connect with %o is refused', async (options, kind, name) => {
  const refused = transport.connect('tcp://127.0.0.1:1', options)
  await expect(refused).rejects.toThrow(kind)
  await expect(refused).rejects.toThrow(name)
})

test('a name that does not exist rejects with CONNECT_FAILED', async () => {
  await expect(transport.connect('tcp://no-such-host.invalid:1')).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    cause: { code: expect.stringMatching('ENOTFOUND|EAI_AGAIN') },
  })
})
