import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { collect } from '../../test/support/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { failureOf } from '../../test/support/outcome.ts'
import { dialAll } from './dial.ts'
import { tcp } from './tcp.ts'

let server: Server
let port: number
let before: Record<string, number>
/** Remote addresses of those who came. */
let came: (string | undefined)[]

beforeEach(async () => {
  before = handles()
  came = []
  server = createServer((socket) => {
    came.push(socket.localAddress)
    socket.on('error', () => {}).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await expectHandles(before)
})

const to = (host = 'somewhere'): string => `tcp://${host}:${port}`

/** Connects by a resolver that gives these, and hangs up. */
async function reach(addresses: readonly string[]): Promise<void> {
  const duplex = await tcp({ lookup: async () => addresses }).connect(to())
  await Promise.all([duplex.sink([]), collect(duplex.source)])
}

describe('fault 33: a name with several addresses', () => {
  test('is connected to at the next one when one refuses', async () => {
    await reach(['127.0.0.2', '127.0.0.3', '127.0.0.1'])
    expect(came).toEqual(['127.0.0.1'])
  })

  test('is connected to at the first that answers, and nothing is left of the others', async () => {
    // Nobody answers there, or the system knows no way: either is no reason to wait for ever.
    await reach(['192.0.2.1', '127.0.0.1'])
    expect(came).toEqual(['127.0.0.1'])
  })

  test('is not held up by one that does not answer: the next one is tried beside it', async () => {
    const silent = { host: 'silent.test', port, lookup: () => {} }
    const places = [silent, { host: '127.0.0.1', port }]
    const stop = new AbortController()
    const patient = failureOf(dialAll({ address: to(), places, signal: stop.signal, isPatient: true }))
    const socket = await dialAll({ address: to(), places, signal: undefined, isPatient: false })
    socket.destroy()
    stop.abort('it has waited for the first as long')
    expect([await patient, came]).toEqual(['it has waited for the first as long', ['127.0.0.1']])
  })

  test('rejects with CONNECT_FAILED when all refuse, with the errors of all in the cause', async () => {
    const failure = await failureOf(tcp({ lookup: async () => ['127.0.0.2', '127.0.0.3'] }).connect(to()))
    expect(failure).toMatchObject({
      code: 'CONNECT_FAILED',
      cause: { code: 'ECONNREFUSED', errors: [{ address: '127.0.0.2' }, { address: '127.0.0.3' }] },
    })
    expect(String(failure)).toContain('ECONNREFUSED')
  })

  test('from a given local port is tried one address at a time', async () => {
    const transport = tcp({ lookup: async () => ['127.0.0.2', '127.0.0.1'] })
    const duplex = await transport.connect(to(), { localAddress: '127.0.0.4', localPort: 0 })
    expect(duplex.remoteAddress).toBe(`tcp://127.0.0.1:${port}`)
    await Promise.all([duplex.sink([]), collect(duplex.source)])
  })

  test('is given up with the reason of the signal, whichever are being tried', async () => {
    const stop = new AbortController()
    const transport = tcp({ lookup: async () => ['192.0.2.1', '192.0.2.2', '192.0.2.3'] })
    const failure = failureOf(transport.connect(to(), { signal: stop.signal }))
    await new Promise((resolve) => setImmediate(resolve))
    stop.abort('enough')
    expect(await failure).toBe('enough')
  })
})

describe('fault 33: a name is looked up', () => {
  test('for each attempt anew: a host that moved is found where it is', async () => {
    const places = [['127.0.0.2'], ['127.0.0.1']]
    const asked: string[] = []
    const transport = tcp({
      lookup: async (host) => {
        asked.push(host)
        return places.shift() ?? []
      },
    })
    expect(await failureOf(transport.connect(to('host.test')))).toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    const duplex = await transport.connect(to('host.test'))
    await Promise.all([duplex.sink([]), collect(duplex.source)])
    expect([asked, came]).toEqual([['host.test', 'host.test'], ['127.0.0.1']])
    expect(await failureOf(transport.connect(to('host.test')))).toMatchObject({
      code: 'CONNECT_FAILED',
      cause: { code: 'ENOTFOUND' },
    })
  })

  test('but not where it is an address already', async () => {
    const transport = tcp({ lookup: () => Promise.reject(new Error('not asked')) })
    const duplex = await transport.connect(to('127.0.0.1'))
    await Promise.all([duplex.sink([]), collect(duplex.source)])
    expect(came).toEqual(['127.0.0.1'])
  })

  test('and what the resolver says is the cause', async () => {
    const cause = Object.assign(new Error('again'), { code: 'EAI_AGAIN' })
    const failure = await failureOf(tcp({ lookup: () => Promise.reject(cause) }).connect(to()))
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', cause })
    expect(String(failure)).toContain('EAI_AGAIN')
  })

  test('and one that does not answer is waited for no longer than the signal', async () => {
    const stop = new AbortController()
    const failure = failureOf(tcp({ lookup: () => new Promise(() => {}) }).connect(to(), { signal: stop.signal }))
    stop.abort('enough')
    expect(await failure).toBe('enough')
  })

  test('by a function and nothing else', () => {
    expect(() => tcp({ lookup: 'dns' as never })).toThrow('Expected `lookup` to be a function')
  })
})
