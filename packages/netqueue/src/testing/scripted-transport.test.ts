import { expect, test } from 'vitest'

import { scriptedTransport } from './scripted-transport.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values)

test('whoever connects, wherever, is connected to a peer', async () => {
  const network = scriptedTransport()
  const accepting = network.accept()
  const duplex = await network.connect('tcp://example.org:7000')
  await network.connect('unix:/nowhere')
  const [peer, second] = [await accepting, await network.accept()]
  peer.send('0102')
  expect((await duplex.source[Symbol.asyncIterator]().next()).value).toEqual(bytes(1, 2))
  expect(duplex.remoteAddress).toBe('tcp://example.org:7000')
  expect(network.dialled).toEqual(['tcp://example.org:7000', 'unix:/nowhere'])
  for (const each of [peer, second]) each.cut()
})

test('attempts fail with CONNECT_FAILED while it refuses', async () => {
  const network = scriptedTransport()
  network.isRefusing = true
  await expect(network.connect('tcp://a:1')).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    cause: { code: 'ECONNREFUSED' },
  })
  network.isRefusing = false
  await network.connect('tcp://a:1')
  expect(network.dialled).toEqual(['tcp://a:1', 'tcp://a:1'])
})

test('a peer dials whoever listens, at any address', async () => {
  const network = scriptedTransport()
  await expect(network.dial('tcp://0.0.0.0:80')).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
  const listener = await network.listen('tcp://0.0.0.0:80')
  const peer = await network.dial('tcp://0.0.0.0:80')
  const { value: served } = await listener[Symbol.asyncIterator]().next()
  await served.sink([bytes(0, 0, 0, 2, 0, 4)])
  expect(await peer.next()).toEqual({ type: 4, data: bytes() })
  expect([listener.address, network.exposed('tcp://0.0.0.0:80')]).toEqual(['tcp://0.0.0.0:80', false])
  await listener.close()
})

test('a signal that has fired rejects connect with its reason, and nobody dialled', async () => {
  const network = scriptedTransport()
  const reason = new Error('not today')
  await expect(network.connect('tcp://a:1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(network.dialled).toEqual([])
})
