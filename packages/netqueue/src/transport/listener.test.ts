import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ending } from '../../test/support/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { memory } from './memory.ts'
import { tcp } from './tcp.ts'
import { unix } from './unix.ts'

const folder = mkdtempSync(join(tmpdir(), 'netqueue-listener-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

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

test.each([
  ['tcp', (): unknown => tcp({ backlog: 0 }), 'backlog'],
  ['tcp', (): unknown => tcp({ maxWaiting: 1.5 }), 'maxWaiting'],
  ['unix', (): unknown => unix({ maxWaiting: 0 }), 'maxWaiting'],
  ['memory', (): unknown => memory({ maxWaiting: -1 }), 'maxWaiting'],
])('%s refuses an option that is out of range', (_name, make, option) => {
  expect(make).toThrow(RangeError)
  expect(make).toThrow(`\`${option}\``)
})
