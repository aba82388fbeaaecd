import { expect, test } from 'vitest'

import { Processes } from './support/processes.ts'
import type { Process } from './support/processes.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const CLIENTS = IS_LONG ? 1_000 : 100
const PROCESSES = 2
const STORMS = IS_LONG ? 5 : 1
/** How long the neighbours are measured while nobody else does anything. */
const QUIET_MS = IS_LONG ? 4_000 : 500

const MESSAGES = `
  const messages = netqueue.defineMessages({ 'app:ask': { payload: netqueue.type(), reply: netqueue.type() } })
`

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

/** Its clients ask one question after the other. Says, each time that it is told to, what that took since it was told so last. */
const NEIGHBOURS = `
  ${MESSAGES}
  const [address] = process.argv.slice(2)
  let took = []
  let losses = 0
  const ask = async (client) => {
    for (;;) {
      const began = performance.now()
      await client.request('app:ask', 'x')
      took.push(performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, 5 + 10 * Math.random()))
    }
  }
  for (let left = 20; left > 0; left -= 1) {
    const client = await netqueue.connect(address, { messages, tags: ['neighbour'] })
    client.on('disconnect', () => (losses += 1))
    void ask(client)
  }
  process.on('SIGUSR2', () => {
    say({ took, losses })
    took = []
  })
  say('here')
`

interface Heard {
  took: number[]
  losses: number
}

/** The milliseconds of requests since the last time. */
async function heard(neighbours: Process): Promise<number[]> {
  neighbours.signal('SIGUSR2')
  const { took, losses } = (await neighbours.next()) as Heard
  expect(losses).toBe(0)
  return took
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function p(part: number, all: readonly number[]): number {
  return all.toSorted((one, other) => one - other)[Math.floor(part * (all.length - 1))] as number
}

const ms = (value: number): string => `${value.toFixed(2)} ms`

/** What the neighbours noticed, for people. */
function report(before: readonly number[], during: readonly number[], returns: readonly number[]): string {
  const [quiet, stormy] = [p(0.99, before), p(0.99, during)]
  return [
    `${CLIENTS} clients were cut off and came back within ${returns.map((each) => each.toFixed(0)).join(', ')} ms`,
    `requests of 20 others: p99 ${ms(quiet)} before, ${ms(stormy)} until all were back, ${(stormy / quiet).toFixed(2)} times as long`,
    `p50 ${ms(p(0.5, before))} before, ${ms(p(0.5, during))} until all were back; worst ${ms(p(1, before))} and ${ms(p(1, during))}`,
    `${before.length} and ${during.length} requests`,
  ].join('\n')
}

test(
  `fault 36: ${CLIENTS} clients that lose their connections at once, and come back, cost others neither a connection nor a request`,
  { timeout: 120_000 },
  async () => {
    await using servers = await Processes.of(SERVER)
    await using clients = await Processes.of(CLIENT)
    await using others = await Processes.of(NEIGHBOURS)
    const server = servers.start({ args: ['tcp://127.0.0.1:0', String(CLIENTS)] })
    const address = String(await server.next())
    const crowd = Array.from({ length: PROCESSES }, () =>
      clients.start({ args: [address, String(CLIENTS / PROCESSES)] }),
    )
    for (const each of crowd) expect(await each.next()).toBe('here')
    await server.next()
    const neighbours = others.start({ args: [address] })
    expect(await neighbours.next()).toBe('here')
    const [before, during, returns]: [number[], number[], number[]] = [[], [], []]
    for (let storms = STORMS; storms > 0; storms -= 1) {
      await sleep(QUIET_MS / 2)
      await heard(neighbours)
      await sleep(QUIET_MS)
      before.push(...(await heard(neighbours)))
      server.signal('SIGUSR2')
      for (const each of crowd) each.signal('SIGUSR2')
      returns.push((await server.next()) as number)
      during.push(...(await heard(neighbours)))
    }
    if (IS_LONG) console.log(report(before, during, returns))
    expect(during.length).toBeGreaterThan(0)
  },
)
