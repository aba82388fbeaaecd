import { afterAll, afterEach, describe, expect, test } from 'vitest'

import { Authority } from './support/certificates.ts'
import { clientHello } from './support/client-hello.ts'
import { Processes } from './support/processes.ts'
import type { Process } from './support/processes.ts'
import { frame, FRAME, hello } from './support/raw-peer.ts'

/** `npm run test:long` prints what each of these costs a client that behaves; otherwise there are fewer, and it is only seen to be served. */
const IS_LONG = process.env['NETQUEUE_LONG'] === '1'
const SOCKETS = IS_LONG ? 1_000 : 100
const MEASURED_MS = IS_LONG ? 8_000 : 100

const MESSAGES = `
  const anything = { payload: netqueue.type(), reply: netqueue.type() }
  const messages = netqueue.defineMessages({ 'loris:echo': anything })
`
const SERVER = `
  ${MESSAGES}
  const [address, token, tls] = process.argv.slice(2)
  const limits = { handshakeTimeoutMs: 5_000 }
  const transports = address.startsWith('ws') ? [websocket()] : undefined
  const server = await netqueue.listen(address, { token, limits, messages, transports, ...(address.startsWith('tls') && { tls: JSON.parse(tls) }) })
  server.handle('loris:echo', (value) => value)
  say(server.address)
`

/** Asks once every two milliseconds, whether or not it was answered; says how long answers took from when they were due. */
const GOOD = `
  ${MESSAGES}
  const [address, token, tls, ms] = process.argv.slice(2)
  const transports = address.startsWith('ws') ? [websocket()] : undefined
  const client = await netqueue.connect(address, { token, messages, transports, ...(address.startsWith('tls') && { tls: JSON.parse(tls) }) })
  process.on('SIGUSR2', () => {
    const [began, took] = [performance.now(), []]
    let asked = 0
    const timer = setInterval(() => {
      for (; began + asked * 2 <= performance.now() && asked * 2 < ms; asked += 1) {
        const due = began + asked * 2
        client.request('loris:echo', asked).then(() => took.push(performance.now() - due))
      }
      if (took.length < ms / 2) return
      clearInterval(timer)
      took.sort((a, b) => a - b)
      say([0.5, 0.99, 0.999].map((part) => took[Math.floor(took.length * part)]))
    }, 1)
  })
  say('here')
`

/** Keeps so many sockets where they are, and has another one as soon as one of them is cut. */
const SLOW = `
  import { constants, setPriority } from 'node:os'
  import { connect } from 'node:net'
  import { connect as secure } from 'node:tls'
  // What they cost themselves is not to be measured: they would have machines of their own.
  setPriority(constants.priority.PRIORITY_LOW)
  const [address, count, phase] = process.argv.slice(2)
  const { first = '', drip = '', isSecured = false } = JSON.parse(phase)
  const port = Number(address.split(':').at(-1))
  const [at, slowly] = [Buffer.from(first, 'hex'), Buffer.from(drip, 'hex')]
  const begin = (isOpen) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['netqueue/1'] }
    let sent = 0
    let timer
    const socket = isSecured ? secure(options) : connect(options)
    socket.once('connect', isOpen)
    socket.once(isSecured ? 'secureConnect' : 'connect', () => {
      if (at.length > 0) socket.write(at)
      if (slowly.length > 0) timer = setInterval(() => sent < slowly.length && socket.write(slowly.subarray(sent, (sent += 1))), 1_000)
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      clearInterval(timer)
      begin(() => {})
    })
    socket.resume()
  }
  await Promise.all(Array.from({ length: Number(count) }, () => new Promise(begin)))
  say('here')
`

const HELLO = frame(FRAME.CONN, hello('slow'))
const CLIENT_HELLO = (await clientHello()).toString('hex')
const UPGRADE = Buffer.from(
  [
    'GET / HTTP/1.1',
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n'),
).toString('hex')
/** In one message of WebSocket, as a client sends it. */
const framed = (hex: string): string => `82${(0x80 + hex.length / 2).toString(16)}00000000${hex}`
const half = (hex: string): string => hex.slice(0, 2 * Math.floor(hex.length / 4))

interface Phase {
  first?: string
  drip?: string
  isSecured?: boolean
}

const PHASES: [scheme: 'tcp' | 'tls' | 'ws', what: string, phase: Phase][] = [
  ['tcp', 'say nothing', {}],
  ['tcp', 'stop in the midst of their HELLO', { first: half(HELLO) }],
  ['tcp', 'say their HELLO and no more', { first: HELLO }],
  ['tcp', 'say their HELLO byte by byte', { drip: HELLO }],
  ['tls', 'say nothing', {}],
  ['tls', 'stop in the midst of their handshake', { first: half(CLIENT_HELLO) }],
  ['tls', 'say their handshake byte by byte', { drip: CLIENT_HELLO }],
  ['tls', 'say nothing behind their handshake', { isSecured: true }],
  ['tls', 'say their HELLO and no more', { isSecured: true, first: HELLO }],
  ['ws', 'stop in the midst of their request', { first: half(UPGRADE) }],
  ['ws', 'say their request byte by byte', { drip: UPGRADE }],
  ['ws', 'say nothing behind their request', { first: UPGRADE }],
  ['ws', 'say their HELLO and no more', { first: UPGRADE + framed(HELLO) }],
]

async function measured(good: Process): Promise<number[]> {
  good.signal('SIGUSR2')
  return (await good.next()) as number[]
}

const show = (times: readonly number[]): string => times.map((ms) => `${ms.toFixed(2)} ms`).join(', ')

const servers = await Processes.of(SERVER)
const clients = await Processes.of(GOOD)
const slow = await Processes.of(SLOW)
afterAll(() => Promise.all([servers, clients, slow].map((each) => each[Symbol.asyncDispose]())))

describe(`P8, fault 9: a client works on while ${SOCKETS} others`, () => {
  const started: Process[] = []
  const start = (processes: Processes, ...args: string[]): Process => {
    const process = processes.start({ args })
    started.push(process)
    return process
  }
  afterEach(() => Promise.all(started.splice(0).map((each) => each.end())))

  test.for(PHASES)('over %s %s', { timeout: 120_000 }, async ([scheme, what, phase]) => {
    const authority = await Authority.found()
    const token = 'a token of twenty bytes'
    const server = start(servers, `${scheme}://127.0.0.1:0`, token, JSON.stringify(await authority.issue()))
    const address = String(await server.next())
    const tls = JSON.stringify({ ca: authority.ca })
    const good = start(clients, address, token, tls, String(MEASURED_MS))
    expect(await good.next()).toBe('here')
    if (IS_LONG) await measured(good) // so that all code is warm
    const before = await measured(good)
    const others = start(slow, address, String(SOCKETS), JSON.stringify(phase))
    expect(await others.next()).toBe('here')
    const together = await measured(good)
    await others.end()
    const after = await measured(good)
    expect(together).toHaveLength(3)
    if (IS_LONG)
      console.info(
        [
          `${scheme}: ${SOCKETS} ${what}; p50, p99, p999:`,
          `with them ${show(together)}`,
          `before ${show(before)}`,
          `after ${show(after)}`,
        ].join('\n  '),
      )
  })
})
