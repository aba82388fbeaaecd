import { expect, test } from 'vitest'

import { Authority } from './support/certificates.ts'
import { Processes } from './support/processes.ts'

const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const CLIENTS = IS_LONG ? 1_000 : 50
const PROCESSES = 2

const SERVER = `
  const [tls] = process.argv.slice(2)
  const server = await netqueue.listen('tls://127.0.0.1:0', { tls: JSON.parse(tls) })
  say(server.address)
  server.on('warning', ({ error }) => say(error.message))
`
/** Waits for its cue, then connects all at once; says how long the last one took, or what went wrong. */
const CLIENT = `
  const [address, tls, count] = process.argv.slice(2)
  process.once('SIGUSR2', async () => {
    const began = performance.now()
    const clients = Array.from({ length: Number(count) }, () => netqueue.connect(address, { tls: JSON.parse(tls) }))
    const outcomes = await Promise.allSettled(clients)
    const failure = outcomes.find(({ status }) => status === 'rejected')
    say(failure === undefined ? Math.round(performance.now() - began) : failure.reason.message)
  })
  setInterval(() => {}, 1_000)
  say('here')
`

test(
  `fault 36: ${CLIENTS} clients that begin their TLS handshakes at once are all connected by their first attempt`,
  { timeout: 120_000 },
  async () => {
    const authority = await Authority.found()
    await using servers = await Processes.of(SERVER)
    await using clients = await Processes.of(CLIENT)
    const server = servers.start({ args: [JSON.stringify(await authority.issue())] })
    const address = String(await server.next())
    const args = [address, JSON.stringify({ ca: authority.ca }), String(CLIENTS / PROCESSES)]
    const started = Array.from({ length: PROCESSES }, () => clients.start({ args }))
    for (const each of started) expect(await each.next()).toBe('here')
    for (const each of started) each.signal('SIGUSR2')
    const times = await Promise.all(started.map((each) => each.next()))
    expect(times).toEqual(times.map(() => expect.any(Number) as number))
    console.info(`${CLIENTS} TLS handshakes at once: the last one after ${Math.max(...(times as number[]))} ms`)
  },
)
