import { constants, setPriority } from 'node:os'
import { expect, test } from 'vitest'

import { compared, MESSAGES, Neighbours } from './support/neighbours.ts'
import { ownAddress } from './support/ports.ts'
import { Processes } from './support/processes.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const CLIENTS = IS_LONG ? 1_000 : 100
const PROCESSES = 2
/** Attempts have spread by then: the longest delay is 1.6 s after one second, and 6.4 s after five. */
const DOWN_MS = IS_LONG ? 5_000 : 1_000
/** How long the others are measured beside nobody: about as long as the storm takes, as a new process is slow at first. */
const QUIET_MS = IS_LONG ? 10_000 : 100

/** Says its address, and, when all are there, how many came in each tenth of a second from its first one on. */
const SERVER = `
  ${MESSAGES}
  const [address, count] = process.argv.slice(2)
  const tenths = []
  let [began, came] = [0, 0]
  const server = await netqueue.listen(address, { messages })
  server.handle('app:ask', (payload) => payload)
  server.on('connect', ({ client }) => {
    if (client.tags.includes('neighbour')) return
    began ||= performance.now()
    const tenth = Math.floor((performance.now() - began) / 100)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
    came += 1
    if (came === Number(count)) say(Array.from(tenths, (each) => each ?? 0))
  })
  say(server.address)
`
const CLIENT = `
  ${MESSAGES}
  const [address, count] = process.argv.slice(2)
  const clients = Array.from({ length: Number(count) }, () => netqueue.connect(address, { messages }))
  for (const client of await Promise.all(clients)) client.process((item) => item).catch(() => {})
  say('here')
`

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The milliseconds of requests of a server that was just started, to which nobody comes back. */
async function alone(servers: Processes): Promise<number[]> {
  const server = servers.start({ args: ['tcp://127.0.0.1:0', '0'] })
  await using neighbours = await Neighbours.of(String(await server.next()))
  await neighbours.here()
  await sleep(QUIET_MS)
  const took = await neighbours.heard()
  await server.end()
  return took
}

test(
  `fault 36: ${CLIENTS} clients of a server that is killed come back, and not all at once`,
  { timeout: 120_000 },
  async () => {
    await using servers = await Processes.of(SERVER)
    await using clients = await Processes.of(CLIENT)
    const calm = await alone(servers)
    const address = await ownAddress()
    const first = servers.start({ args: [address, String(CLIENTS)] })
    expect(await first.next()).toBe(address)
    const started = Array.from({ length: PROCESSES }, () =>
      clients.start({ args: [address, String(CLIENTS / PROCESSES)] }),
    )
    for (const each of started) expect(await each.next()).toBe('here')
    // Elsewhere they have machines of their own, and do not take the server's time.
    for (const { child } of started) setPriority(child.pid as number, constants.priority.PRIORITY_LOW)
    first.signal('SIGKILL')
    await first.end()
    await using neighbours = await Neighbours.of(address)
    await sleep(DOWN_MS)
    const second = servers.start({ args: [address, String(CLIENTS)] })
    expect(await second.next()).toBe(address)
    await neighbours.here()
    const tenths = (await second.next()) as number[]
    const during = await neighbours.heard()
    if (IS_LONG)
      console.log(`clients that came back, by tenths of a second: ${tenths.join(' ')}\n${compared(calm, during)}`)
    // None is left out, and no tenth of a second has as much as half of them.
    expect(tenths.reduce((sum, count) => sum + count, 0)).toBe(CLIENTS)
    expect(Math.max(...tenths)).toBeLessThan(CLIENTS / 2)
  },
)
