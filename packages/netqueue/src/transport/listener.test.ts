import { getEventListeners, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ending } from '../../test/support/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { serve } from './listener.ts'
import { memory } from './memory.ts'
import { fromSocket } from './socket.ts'
import { tcp } from './tcp.ts'
import type { ByteDuplex, Listener } from './transport.ts'
import { unix } from './unix.ts'

const folder = mkdtempSync(join(tmpdir(), 'netqueue-listener-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  { name: 'tcp', transport: tcp(), address: 'tcp://127.0.0.1:0' },
  { name: 'unix', transport: unix(), address: `unix:${folder}/abort` },
])('$name: an abort while connecting rejects with its reason and closes the socket', async ({ transport, address }) => {
  const before = handles()
  const listener = await transport.listen(address)
  const controller = new AbortController()
  const connecting = transport.connect(listener.address, { signal: controller.signal })
  // Two ticks on, the system has connected, and we do not know of it yet.
  for (let tick = 0; tick < 2; tick += 1) await new Promise<void>((resolve) => process.nextTick(resolve))
  controller.abort(new Error('changed my mind'))
  await expect(connecting).rejects.toThrow('changed my mind')
  expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  const { value: served } = await listener[Symbol.asyncIterator]().next()
  expect(await ending(served.source)).toMatch(/ended|broken/)
  served.abort()
  await listener.close()
  await expectHandles(before)
})

test('fault 33: a listener to which the system cannot hand connections over takes none for a while, and then goes on at the same address', async () => {
  const before = handles()
  const server = createServer()
  const listener = await serve(server, {
    address: 'tcp://127.0.0.1:0',
    listen: { host: '127.0.0.1', port: 0 },
    maxWaiting: 10,
    bound: () => `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    wrap: (socket) => fromSocket(socket, { remoteAddress: undefined }),
  })
  for (let failed = 0; failed < 3; failed += 1) {
    const again = new Promise((resolve) => server.once('listening', resolve))
    for (let refused = 0; refused < 3; refused += 1)
      server.emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }))
    expect(server.listening).toBe(false)
    await again
  }
  const one = await tcp().connect(listener.address)
  const { value: served } = (await listener[Symbol.asyncIterator]().next()) as { value: ByteDuplex }
  one.abort?.(new Error('over'))
  served.abort?.(new Error('over'))
  server.emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }))
  await listener.close()
  await expectHandles(before)
})

/** A server that listens, once `bound` says so. */
function serveAt(server: Server, bound: () => string): Promise<Listener> {
  return serve(server, {
    address: 'tcp://127.0.0.1:0',
    listen: { host: '127.0.0.1', port: 0 },
    maxWaiting: 10,
    bound,
    wrap: (socket) => fromSocket(socket, { remoteAddress: undefined }),
  })
}

const refused = Object.assign(new Error('chmod'), { code: 'EPERM' })

test('P11: an address that cannot be made ready once it listens rejects with LISTEN_FAILED, and nothing listens there', async () => {
  const before = handles()
  const server = createServer()
  const listening = serveAt(server, () => {
    throw refused
  })
  await expect(listening).rejects.toMatchObject({ code: 'LISTEN_FAILED', cause: refused })
  expect(server.listening).toBe(false)
  await expectHandles(before)
})

test('P7: a listener whose address cannot be made ready after a pause takes no connections, and tries again', async () => {
  const before = handles()
  const server = createServer()
  const answers = [true, false, false, true]
  const listener = await serveAt(server, () => {
    if (answers.shift() !== true) throw refused
    return 'tcp://127.0.0.1'
  })
  server.emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }))
  const heard: boolean[] = []
  for (let told = 0; told < 3; told += 1) {
    await once(server, 'listening')
    heard.push(server.listening)
  }
  expect(heard).toEqual([false, false, true])
  await listener.close()
  await expectHandles(before)
})

test.each([
  ['tcp', (): unknown => tcp({ backlog: 0 }), 'backlog'],
  ['tcp', (): unknown => tcp({ maxWaiting: 1.5 }), 'maxWaiting'],
  ['unix', (): unknown => unix({ maxWaiting: 0 }), 'maxWaiting'],
  ['memory', (): unknown => memory({ maxWaiting: -1 }), 'maxWaiting'],
])('%s refuses an option that is out of range', (_name, make, option) => {
  expect(make).toThrow(RangeError)
  expect(make).toThrow(`\`${option}\``)
})
