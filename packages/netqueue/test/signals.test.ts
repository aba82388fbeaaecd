import { describe, expect, test, vi } from 'vitest'

import { closeOnSignals } from '../src/index.ts'
import { Place, rest } from './support/nodes.ts'
import { run } from './support/programs.ts'

/** A server and a worker in one process. What the handler waits for is given; the program says when that begins, and when the server is closed. */
const working = (until: string): string => `
  const { closeOnSignals, connect, listen } = netqueue
  const server = await listen('memory:here')
  const client = await connect('memory:here', { reconnect: false })
  client.on('goaway', ({ code }) => console.log(code))
  closeOnSignals(server, { timeout: 60_000, reason: 'restart' })
  const keep = setInterval(() => {}, 1_000)
  void server.closed.then(({ undone }) => {
    console.log('undone ' + undone.length)
    clearInterval(keep)
  })
  void server.put('item')
  await client.process(async () => {
    console.log('working')
    await new Promise((resolve) => ${until})
  })
  console.log('worked')
`
const IS_CLOSING = "client.on('goaway', resolve)"
const FOR_EVER = 'setInterval(resolve, 2 ** 31 - 1)'

describe('P12: closeOnSignals()', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s closes: handlers finish, and the program ends by itself',
    async (name) => {
      await using program = run(working(IS_CLOSING))
      await program.printed('working')
      program.child.kill(name)
      expect(await program.gone).toEqual({
        code: 0,
        signal: null,
        lines: ['working', 'RESTART', 'worked', 'undone 0'],
      })
    },
  )

  test('a second signal ends the program at once, as it does any other', async () => {
    await using program = run(working(FOR_EVER))
    await program.printed('working')
    program.child.kill('SIGTERM')
    await program.printed('RESTART')
    program.child.kill('SIGINT')
    expect(await program.gone).toEqual({ code: null, signal: 'SIGINT', lines: ['working', 'RESTART'] })
  })

  test('takes a client, and the options of its close()', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const reasons: unknown[] = []
    server.on('disconnect', ({ reason }) => reasons.push(reason))
    closeOnSignals(client, { signals: ['SIGUSR2'], timeout: 10, reason: 'the night shift is over' })
    process.emit('SIGUSR2', 'SIGUSR2')
    await client.closed
    await rest()
    expect(reasons).toEqual(['the night shift is over'])
  })

  test('listens no more once the peer is closed, or when that is asked for', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const counts = (): number[] => ['SIGINT', 'SIGTERM', 'SIGUSR2'].map((name) => process.listenerCount(name))
    const before = counts()
    const stop = closeOnSignals(client)
    closeOnSignals(server, { signals: ['SIGUSR2', 'SIGTERM'] })
    expect(counts().map((count, index) => count - (before[index] ?? 0))).toEqual([1, 2, 1])
    stop()
    expect(counts().map((count, index) => count - (before[index] ?? 0))).toEqual([0, 1, 1])
    await server.close()
    await rest()
    expect(counts()).toEqual(before)
  })

  test('P11: refuses what is no time and no list of names, before any signal comes', async () => {
    await using place = new Place()
    const server = await place.listen()
    expect(() => closeOnSignals(server, { timeout: -1 })).toThrow(RangeError)
    expect(() => closeOnSignals(server, { signals: 'SIGTERM' as never })).toThrow(
      'Expected `signals` to be a list of strings, got `"SIGTERM"`',
    )
  })

  test('does nothing on a host without signals', async () => {
    vi.resetModules()
    vi.doMock('../src/env/host.ts', () => ({ hostSignals: undefined }))
    const elsewhere = await import('../src/close-on-signals.ts')
    vi.doUnmock('../src/env/host.ts')
    await using place = new Place()
    const server = await place.listen()
    const before = process.listenerCount('SIGTERM')
    elsewhere.closeOnSignals(server)()
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })
})
