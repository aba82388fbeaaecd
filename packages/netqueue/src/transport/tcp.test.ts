import { describe, expect, test } from 'vitest'
import { collect } from '../../test/support/bytes.ts'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
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

test.each([
  [{ localAddress: 'here' }, TypeError, '`localAddress`'],
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
