import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collect, isPattern, pattern } from '../conformance/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { sharedReads, withSharedReads } from './shared-reads.ts'
import { fromSocket } from './socket.ts'
import { tcp } from './tcp.ts'
import type { ByteDuplex } from './transport.ts'

let before: Record<string, number>

beforeEach(() => {
  before = handles()
})

afterEach(async () => {
  await expectHandles(before)
})

/** So many sockets that a server was given, and who writes to each. */
async function accepted(count: number) {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(withSharedReads(socket)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const writers = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  await Promise.all(writers.map((writer) => once(writer, 'connect')))
  while (sockets.length < count) await once(server, 'connection')
  return { server, sockets, writers }
}

test('what is read from several sockets at a time is read into the same memory, and each connection has its own bytes', async () => {
  const { server, sockets, writers } = await accepted(5)
  for (const [index, writer] of writers.entries()) writer.end(pattern(300_000 + index))
  const read = await Promise.all(sockets.map((socket) => collect(fromSocket(socket, { remoteAddress: '' }).source)))
  const lengths = read.map(({ length }) => length)
  expect(lengths.toSorted((one, other) => one - other)).toEqual([300_000, 300_001, 300_002, 300_003, 300_004])
  expect(read.every((bytes) => isPattern(bytes, bytes.length))).toBe(true)
  for (const socket of sockets) socket.end()
  for (const writer of writers) writer.resume()
  server.close()
})

test('whoever borrows gets views of that memory, and nobody else does', async () => {
  const { server, sockets, writers } = await accepted(1)
  const [{ source }] = sockets.map((socket) => fromSocket(socket, { remoteAddress: '' })) as [ByteDuplex]
  const pieces: Uint8Array[] = []
  const pull = (borrows: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const onPiece = (piece: unknown): void => {
        pieces.push(piece as Uint8Array)
        resolve()
      }
      ;(source as unknown as { pull(puller: object): void }).pull({ onPiece, onEnd: reject, onError: reject, borrows })
    })
  for (const borrows of [true, false, true]) {
    const pulled = pull(borrows)
    writers[0]?.write(pattern(100))
    await pulled
  }
  const [first, second, third] = pieces as [Uint8Array, Uint8Array, Uint8Array]
  expect(sharedReads.onread).toBeDefined()
  expect(first.buffer).toBe(third.buffer)
  // So that whoever keeps a piece of it keeps a copy.
  expect(first.buffer.byteLength).toBeGreaterThanOrEqual(2 * 131_072)
  expect(second.buffer.byteLength).toBe(100)
  for (const socket of [...sockets, ...writers]) socket.destroy()
  server.close()
})

test('a server counts its sockets, and is closed when the last of them is', async () => {
  const { server, sockets, writers } = await accepted(2)
  const closed = once(server, 'close')
  server.close()
  for (const writer of writers) writer.resume().end()
  for (const socket of sockets) socket.resume().end()
  await closed
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true])
})

test('what a server says at once waits until somebody reads', async () => {
  const transport = tcp()
  const listener = await transport.listen('tcp://127.0.0.1:0')
  const client = await transport.connect(listener.address)
  const { value: served } = (await listener[Symbol.asyncIterator]().next()) as { value: ByteDuplex }
  await served.sink([pattern(1_000)])
  await new Promise((resolve) => setImmediate(resolve))
  expect(isPattern(await collect(client.source), 1_000)).toBe(true)
  await Promise.all([client.sink([]), collect(served.source)])
  await listener.close()
})
