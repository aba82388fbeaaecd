import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collect, pattern } from '../../test/support/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { fromSocket } from './socket.ts'

let before: Record<string, number>
let near: Socket
let far: Socket

beforeEach(async () => {
  before = handles()
  const server = createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  ;[far] = await accepted
  await (near.connecting ? once(near, 'connect') : undefined)
  far.on('error', () => {})
  server.close()
})

afterEach(async () => {
  await expectHandles(before)
})

test('an abort while our end is on its way leaves no descriptor open', async () => {
  const connection = fromSocket(near, { remoteAddress: undefined })
  const failed = failureOf(connection.sink([pattern(10)]))
  while (!near.writableEnded) await Promise.resolve()
  expect(near.writableFinished).toBe(false)
  connection.abort?.(new Error('enough'))
  expect(await failed).toHaveProperty('message', 'enough')
  far.resume().end()
})

test('a socket that breaks while nobody uses it does not crash the process', async () => {
  const connection = fromSocket(near, { remoteAddress: 'tcp://far:1' })
  const closed = new Promise((resolve) => near.once('close', resolve))
  near.destroy(Object.assign(new Error('peer text'), { code: 'EOOPS' }))
  await closed
  const lost = {
    code: 'CONNECTION_LOST',
    message: 'The connection to tcp://far:1 broke: EOOPS',
    cause: { code: 'EOOPS' },
  }
  await expect(collect(connection.source)).rejects.toMatchObject(lost)
  await expect(connection.sink([])).rejects.toMatchObject(lost)
  far.destroy()
})

test('a write to a socket that the other side has closed rejects, it does not wait for room', async () => {
  const connection = fromSocket(near, { remoteAddress: undefined })
  far.destroy()
  expect(await collect(connection.source)).toHaveLength(0)
  const endless = (function* (): Generator<Uint8Array> {
    for (;;) yield pattern(60_000)
  })()
  await expect(connection.sink(endless)).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    cause: { code: expect.stringMatching('EPIPE|ECONNRESET') },
  })
})
