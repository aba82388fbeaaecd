import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { collect, pattern, pieces } from '../../test/support/bytes.ts'
import { expectHandles, handles, leavingNoHandle } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { testDuplex } from '../conformance/index.ts'
import { fromStreams } from './streams.ts'
import type { ByteDuplex } from './transport.ts'

function crossed(): [ByteDuplex, ByteDuplex] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  return [fromStreams({ readable: back, writable: there }), fromStreams({ readable: there, writable: back })]
}

function crossedWeb(): [ByteDuplex, ByteDuplex] {
  const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
  return [
    fromStreams({ readable: back.readable, writable: there.writable }),
    fromStreams({ readable: there.readable, writable: back.writable }),
  ]
}

const shared = { maxHeldBytes: 512 * 1024, around: leavingNoHandle }
testDuplex({ ...shared, name: 'fromStreams, Node', create: crossed }, { describe, test })
testDuplex({ ...shared, name: 'fromStreams, web', create: crossedWeb }, { describe, test })

const run = (code: string): ChildProcessByStdio<Writable, Readable, null> =>
  spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] })

test('the standard streams of a child process are a connection', async () => {
  const before = handles()
  const child = run('process.stdin.pipe(process.stdout)')
  const exited = once(child, 'exit')
  const connection = fromStreams({ readable: child.stdout, writable: child.stdin, remoteAddress: 'the child' })
  const [echo] = await Promise.all([collect(connection.source), connection.sink(pieces(3_000_000, 50_000))])
  expect(Buffer.compare(echo, pattern(3_000_000))).toBe(0)
  expect(connection.remoteAddress).toBe('the child')
  await exited
  await expectHandles(before)
})

test('a child that closes its input and goes on talking is read to its end', async () => {
  const child = run('process.stdin.destroy(); setTimeout(() => process.stdout.write("last words"), 100)')
  const connection = fromStreams({ readable: child.stdout, writable: child.stdin })
  const failed = failureOf(connection.sink(pieces(50_000_000, 60_000)))
  expect(Buffer.from(await collect(connection.source)).toString()).toBe('last words')
  expect(await failed).toMatchObject({ code: 'CONNECTION_LOST', cause: { code: 'EPIPE' } })
})

test('a readable with an encoding fails with a TypeError', async () => {
  const readable = new PassThrough({ encoding: 'utf8' })
  const connection = fromStreams({ readable, writable: new PassThrough() })
  readable.end('text')
  await expect(collect(connection.source)).rejects.toThrow(TypeError)
})

test('nothing is read before the first next()', async () => {
  let reads = 0
  const readable = new PassThrough({ highWaterMark: 10 })
  readable.on('drain', () => (reads += 1))
  const connection = fromStreams({ readable, writable: new PassThrough() })
  expect(readable.write(pattern(100))).toBe(false)
  await new Promise((resolve) => setImmediate(resolve))
  expect(reads).toBe(0)
  const first = await connection.source[Symbol.asyncIterator]().next()
  expect(first.value?.byteLength).toBe(100)
  connection.abort?.(new Error('over'))
})

test('streams that are over already end or fail, they do not hang', async () => {
  const [readable, writable] = [new PassThrough(), new PassThrough()]
  writable.destroy()
  readable.resume().end()
  await once(readable, 'end')
  const connection = fromStreams({ readable, writable })
  expect(await collect(connection.source)).toHaveLength(0)
  await expect(connection.sink([pattern(1)])).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  await expect(collect(fromStreams({ readable: writable, writable }).source)).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
  })
})

test('a sink whose writable was ended by somebody else rejects', async () => {
  const writable = new PassThrough().end()
  const connection = fromStreams({ readable: new PassThrough(), writable })
  await expect(connection.sink([pattern(1)])).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  const ended = fromStreams({ readable: new PassThrough(), writable: new PassThrough().end().resume() })
  await expect(ended.sink([])).resolves.toBeUndefined()
})
