import { expect, test } from 'vitest'

import { connect, listen, tcp } from '../src/index.ts'
import { expectHandles, handles } from './support/handles.ts'
import { until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { ownAddress } from './support/ports.ts'
import { Processes } from './support/processes.ts'

/** Short, as nobody but us waits for the server. */
const reconnect = { minDelayMs: 5, maxDelayMs: 50 }

/** Puts what it is told to, and says what comes of it. */
const SERVER = `
  const [address, ...items] = process.argv.slice(2)
  const server = await netqueue.listen(address, { limits: { maxUnsettled: 4 } })
  say(server.address)
  void (async () => {
    for await (const item of server) say('got ' + item)
  })()
  for (const item of items) void server.submit(item).then((result) => say(result), () => {})
`

test('faults 23, 32: a server that is killed and started again gets what it had not settled, and the client works on', async () => {
  const before = handles()
  {
    await using processes = await Processes.of(SERVER)
    const address = await ownAddress()
    const first = processes.start({ args: [address, 'a', 'b'] })
    expect(await first.next()).toBe(address)
    const client = await connect<string, string>(address, { id: 'worker', reconnect })
    const worked: string[] = []
    const states: string[] = []
    client.on('state', ({ state }) => states.push(state))
    const done = client.process(
      async (item, { signal }) => {
        worked.push(item)
        if (item === 'b') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        return item.toUpperCase()
      },
      { concurrency: 2 },
    )
    expect(await first.next()).toBe('A')
    await until(() => worked.length === 2)
    first.signal('SIGKILL')
    await first.end()
    const put = client.put('kept')
    await until(() => states.filter((state) => state === 'reconnecting').length >= 3)

    const second = processes.start({ args: [address, 'c'] })
    expect(await second.next()).toBe(address)
    await put
    expect(new Set([await second.next(), await second.next()])).toEqual(new Set(['C', 'got kept']))
    expect([states.at(-1), worked]).toEqual(['connected', ['a', 'b', 'c']])
    await client.close()
    await done
  }
  await expectHandles(before)
})

test('fault 33: a host that moves is found where it is: its name is looked up for each attempt', async () => {
  const before = handles()
  const first = await listen<string, string>('tcp://127.0.0.1:0')
  const port = first.address?.split(':').at(-1) ?? ''
  let place = '127.0.0.1'
  const transports = [tcp({ lookup: async () => [place] })]
  const client = await connect<string, string>(`tcp://host.test:${port}`, { transports, reconnect })
  const second = await listen<string, string>(`tcp://127.0.0.2:${port}`)
  place = '127.0.0.2'
  await first.close({ reason: 'restart' })
  await until(() => second.clients.length === 1)
  expect(second.clients[0]?.id).toBe(client.id)
  await client.close()
  await second.close()
  await expectHandles(before)
})

test('fault 33: a name that does not exist keeps the system’s code, and is tried again where that is wanted', async () => {
  const options = { wait: true, reconnect: { ...reconnect, attempts: 2 } }
  expect(await failureOf(connect('tcp://no-such-host.invalid:7000', options))).toMatchObject({
    code: 'CONNECT_FAILED',
    limit: 'reconnect.attempts',
    cause: { code: 'CONNECT_FAILED', cause: { code: expect.stringMatching('ENOTFOUND|EAI_AGAIN') } },
  })
})
