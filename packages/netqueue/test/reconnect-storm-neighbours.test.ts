import { expect, test } from 'vitest'

import { compared, MESSAGES, Neighbours } from './support/neighbours.ts'
import { Processes } from './support/processes.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const CLIENTS = IS_LONG ? 1_000 : 100
const PROCESSES = 2
const STORMS = IS_LONG ? 5 : 1
/** How long the neighbours are measured while nobody else does anything. */
const QUIET_MS = IS_LONG ? 4_000 : 500

/** Says its address, and then, each time that so many have come, after how many milliseconds the last one was there. */
const SERVER = `
  ${MESSAGES}
  const [address, count] = process.argv.slice(2)
  let [began, came] = [0, 0]
  const server = await netqueue.listen(address, { messages })
  server.handle('app:ask', (payload) => payload)
  server.on('connect', ({ client }) => {
    if (client.tags.includes('neighbour')) return
    came += 1
    if (came === Number(count)) say(performance.now() - began)
  })
  process.on('SIGUSR2', () => {
    began = performance.now()
    came = 0
  })
  say(server.address)
`

/** Has many connections, and resets them all when it is told to. */
const CLIENT = `
  const { subscribe } = await import('node:diagnostics_channel')
  ${MESSAGES}
  const [address, count] = process.argv.slice(2)
  const sockets = new Set()
  subscribe('net.client.socket', ({ socket }) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const clients = Array.from({ length: Number(count) }, () => netqueue.connect(address, { messages }))
  for (const client of await Promise.all(clients)) client.process((item) => item).catch(() => {})
  process.on('SIGUSR2', () => {
    for (const socket of sockets) socket.resetAndDestroy()
  })
  say('here')
`

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test(
  `fault 36: ${CLIENTS} clients that lose their connections at once, and come back, cost others neither a connection nor a request`,
  { timeout: 120_000 },
  async () => {
    await using servers = await Processes.of(SERVER)
    await using clients = await Processes.of(CLIENT)
    const server = servers.start({ args: ['tcp://127.0.0.1:0', String(CLIENTS)] })
    const address = String(await server.next())
    const crowd = Array.from({ length: PROCESSES }, () =>
      clients.start({ args: [address, String(CLIENTS / PROCESSES)] }),
    )
    for (const each of crowd) expect(await each.next()).toBe('here')
    await server.next()
    await using neighbours = await Neighbours.of(address)
    await neighbours.here()
    const [before, during, returns]: [number[], number[], number[]] = [[], [], []]
    for (let storms = STORMS; storms > 0; storms -= 1) {
      await sleep(QUIET_MS / 2)
      await neighbours.heard()
      await sleep(QUIET_MS)
      before.push(...(await neighbours.heard()))
      server.signal('SIGUSR2')
      for (const each of crowd) each.signal('SIGUSR2')
      returns.push((await server.next()) as number)
      during.push(...(await neighbours.heard()))
    }
    expect(during.length).toBeGreaterThan(0)
    if (!IS_LONG) return
    const times = returns.map((each) => each.toFixed(0)).join(', ')
    console.log(`${CLIENTS} clients were cut off and came back within ${times} ms\n${compared(before, during)}`)
  },
)
