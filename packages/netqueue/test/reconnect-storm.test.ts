import { expect, test } from 'vitest'

import { Processes } from './support/processes.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const CLIENTS = IS_LONG ? 1_000 : 100
const PROCESSES = 2
/** Attempts have spread by then: the longest delay is 1.6 s after one second, and 6.4 s after five. */
const DOWN_MS = IS_LONG ? 5_000 : 1_000

/** Says its address, and, when all are there, how many came in each tenth of a second from its first one on. */
const SERVER = `
  const [address, count] = process.argv.slice(2)
  const tenths = []
  let [began, came] = [0, 0]
  const server = await netqueue.listen(address)
  server.on('connect', () => {
    began ||= performance.now()
    const tenth = Math.floor((performance.now() - began) / 100)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
    came += 1
    if (came === Number(count)) say(Array.from(tenths, (each) => each ?? 0))
  })
  say(server.address)
`
const CLIENT = `
  const [address, count] = process.argv.slice(2)
  const clients = Array.from({ length: Number(count) }, () => netqueue.connect(address))
  for (const client of await Promise.all(clients)) client.process((item) => item).catch(() => {})
  say('here')
`

test(
  `fault 36: ${CLIENTS} clients of a server that is killed come back, and not all at once`,
  { timeout: 120_000 },
  async () => {
    await using servers = await Processes.of(SERVER)
    await using clients = await Processes.of(CLIENT)
    const first = servers.start({ args: ['tcp://127.0.0.1:0', String(CLIENTS)] })
    const address = String(await first.next())
    const started = Array.from({ length: PROCESSES }, () =>
      clients.start({ args: [address, String(CLIENTS / PROCESSES)] }),
    )
    for (const each of started) expect(await each.next()).toBe('here')
    first.signal('SIGKILL')
    await first.end()
    await new Promise((resolve) => setTimeout(resolve, DOWN_MS))
    const second = servers.start({ args: [address, String(CLIENTS)] })
    expect(await second.next()).toBe(address)
    const tenths = (await second.next()) as number[]
    if (IS_LONG) console.log(`clients that came back, by tenths of a second: ${tenths.join(' ')}`)
    // None is left out, and no tenth of a second has as much as half of them.
    expect(tenths.reduce((sum, count) => sum + count, 0)).toBe(CLIENTS)
    expect(Math.max(...tenths)).toBeLessThan(CLIENTS / 2)
  },
)
