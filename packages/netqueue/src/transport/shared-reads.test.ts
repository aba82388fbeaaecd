import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { collect, isPattern, pattern } from '../conformance/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { MAX_READ_BYTES } from './inlet.ts'
import { sharedReads, withSharedReads } from './shared-reads.ts'
import { fromSocket } from './socket.ts'
import { tcp } from './tcp.ts'
import type { Puller } from './pulled.ts'
import type { ByteDuplex, Bytes } from './transport.ts'

let before: Record<string, number>

beforeEach(() => {
  before = handles()
})

afterEach(async () => {
  vi.restoreAllMocks()
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
  expect(first.buffer.byteLength).toBeGreaterThanOrEqual(2 * MAX_READ_BYTES)
  expect(second.buffer.byteLength).toBe(100)
  for (const socket of [...sockets, ...writers]) socket.destroy()
  server.close()
})

const FLOOD_BYTES = 4_000_000

/** The clock goes on by so much with each read that is looked at, and by nothing else. */
function working(ms: number): () => void {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  return () => (now += ms)
}

/** A server's connection, and a flood that comes to it: far more than one turn may read. */
async function flooded() {
  const { server, sockets, writers } = await accepted(1)
  const [socket, writer] = [sockets[0] as Socket, writers[0] as Socket]
  const duplex = fromSocket(socket, { remoteAddress: '' })
  // It may be cut.
  writer.on('error', () => {}).end(pattern(FLOOD_BYTES))
  const close = (): void => {
    socket.destroy()
    writer.destroy()
    server.close()
  }
  return { duplex, source: duplex.source as unknown as Flood, close }
}

/** What can be read without promises, as a connection reads it. */
interface Flood extends AsyncIterable<Bytes> {
  pull(puller: Puller): void
}

interface Reading {
  onPiece(piece: Uint8Array): void
  /** Whether the next piece is asked for later in the turn, and not within the call that brings one. */
  isLate?: boolean
}

/** Reads a flood to its end. */
function readAll(source: Flood, { onPiece, isLate = false }: Reading): Promise<void> {
  return new Promise((resolve, reject) => {
    const pull = (): void =>
      source.pull({
        onPiece: (piece) => {
          onPiece(piece as Uint8Array)
          if (isLate) void Promise.resolve().then(pull)
          else pull()
        },
        onEnd: resolve,
        onError: reject,
        borrows: !isLate,
      })
    pull()
  })
}

/** Reads a flood whose reads take so long each; the most bytes that were read in one turn, and all of them. */
async function mostInTurn(ms: number, isLate: boolean): Promise<{ most: number; all: Uint8Array }> {
  const work = working(ms)
  const { source, close } = await flooded()
  const pieces: Uint8Array[] = []
  let bytes = 0
  let most = 0
  const onTurn = (): void => {
    most = Math.max(most, bytes)
    bytes = 0
    next = setImmediate(onTurn)
  }
  let next = setImmediate(onTurn)
  const onPiece = (piece: Uint8Array): void => {
    work()
    bytes += piece.length
    pieces.push(Uint8Array.from(piece))
  }
  await readAll(source, { isLate, onPiece })
  clearImmediate(next)
  close()
  return { most, all: Buffer.concat(pieces) }
}

test.each([
  { ms: 100, reads: 1, isLate: false },
  { ms: 5, reads: 2, isLate: false },
  { ms: 2.5, reads: 4, isLate: false },
  // The reader asks for more later in the turn, so that the work of a read falls behind it.
  { ms: 100, reads: 2, isLate: true },
  { ms: 5, reads: 3, isLate: true },
])(
  'P8: of a flooded socket no turn reads more than 10 ms of work, and all arrives: %o',
  async ({ ms, reads, isLate }) => {
    const { most, all } = await mostInTurn(ms, isLate)
    expect(isPattern(all, FLOOD_BYTES)).toBe(true)
    expect(most).toBeLessThanOrEqual(reads * MAX_READ_BYTES)
  },
)

test('P8: all of a flood arrives at a reader that lets the socket pause', async () => {
  const work = working(5)
  const { source, close } = await flooded()
  const pieces: Uint8Array[] = []
  for await (const piece of source) {
    work()
    pieces.push(piece.slice())
    // Behind each fifth, so that what waits fills up, and the socket is paused for that while it is for its turns.
    if (pieces.length % 5 === 0)
      for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(isPattern(Buffer.concat(pieces), FLOOD_BYTES)).toBe(true)
  close()
})

// The second is the one behind which it rests.
test.each([1, 2, 3])('P8: a flooded socket that is cut behind %i reads is read no more', async (count) => {
  const work = working(5)
  const { duplex, source, close } = await flooded()
  let reads = 0
  const onPiece = (): void => {
    work()
    reads += 1
    if (reads === count) duplex.abort?.(new Error('enough'))
  }
  await expect(readAll(source, { onPiece })).rejects.toThrow('enough')
  await duplex.closed
  expect(reads).toBe(count)
  close()
})

test('whoever is told of each socket that a server accepts is told of the one that is read', async () => {
  const told: Socket[] = []
  const onSocket = (message: unknown): void => void told.push((message as { socket: Socket }).socket)
  subscribe('net.server.socket', onSocket)
  const { server, sockets, writers } = await accepted(1)
  unsubscribe('net.server.socket', onSocket)
  const [socket, writer] = [sockets[0] as Socket, writers[0] as Socket]
  expect(told).toEqual([socket])
  expect(socket.remotePort).toBe(writer.localPort)
  writer.end(pattern(300_000))
  expect(isPattern(await collect(fromSocket(socket, { remoteAddress: '' }).source), 300_000)).toBe(true)
  socket.end()
  writer.resume()
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
