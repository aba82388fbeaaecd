import { describe, expect, test } from 'vitest'

import { listen } from '../src/index.ts'
import { batch, binary, ID, RECORD } from './support/attackers.ts'
import { Processes } from './support/processes.ts'
import { frame, FRAME, hello, introduce, RawPeer } from './support/raw-peer.ts'

/** Small, so that all of it is soon full. */
const LIMITS = {
  // One more than come, or those who wait would be sent away at once.
  maxConnections: 41,
  maxHandshakes: 40,
  maxHandshakesPerAddress: 40,
  handshakeTimeoutMs: 60_000,
  frameTimeoutMs: 0,
  maxFrameBytes: 65_536,
  maxItemBytes: 65_536,
  maxUnsettled: 256,
  maxUnsettledBytes: 1_048_576,
  maxRequests: 16,
  maxRequestBytes: 524_288,
  maxStreamChunks: 64,
  maxStreamBytes: 131_072,
}
const MIB = 1_048_576

const MESSAGES = `
  const anything = { payload: netqueue.type(), reply: netqueue.type(), body: netqueue.type() }
  const messages = netqueue.defineMessages({ 'any:never': anything, 'any:read': anything })
`

/** Keeps all that it is given, reads a chunk of each stream, and answers nothing; says what it holds when it is asked. */
const SERVER = `
  import { setFlagsFromString } from 'node:v8'
  import { runInNewContext } from 'node:vm'
  ${MESSAGES}
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const never = () => new Promise(() => {})
  const server = await netqueue.listen('tcp://127.0.0.1:0', {
    messages, result: netqueue.bytes(), prefetch: 256, limits: JSON.parse(process.argv[2]),
  })
  server.handle('any:never', never)
  server.handle('any:read', async (_, { body }) => {
    await body.next()
    await never()
  })
  const kept = []
  void (async () => { for await (const delivery of server.deliveries()) { kept.push(delivery); void never } })()
  process.on('SIGUSR2', async () => {
    gc()
    gc()
    const { heapUsed, external, rss } = process.memoryUsage()
    say({ held: heapUsed + external, rss, bound: server.limits().bytes, clients: server.clients.length })
  })
  say(server.address)
`

/** Puts, asks and streams as much as it may. */
const GREEDY = `
  ${MESSAGES}
  const [address, count] = process.argv.slice(2)
  const long = new Uint8Array(60_000)
  const endless = async function* () { for (;;) yield long }
  for (let each = 0; each < Number(count); each += 1) {
    const client = await netqueue.connect(address, { messages, result: netqueue.bytes() })
    for (let item = 0; item < 64; item += 1) client.put(long).catch(() => {})
    for (let asked = 0; asked < 8; asked += 1) client.request('any:never', long).catch(() => {})
    for (let asked = 0; asked < 8; asked += 1) client.request('any:read', null, { body: endless() }).catch(() => {})
  }
  setTimeout(() => say('full'), 1_500)
  setInterval(() => {}, 1_000)
`

interface Held {
  held: number
  rss: number
  bound: number
  clients: number
}

test(
  'P7: whatever hostile clients send, a server holds no more than server.limits() says',
  { timeout: 60_000 },
  async () => {
    await using servers = await Processes.of(SERVER)
    await using clients = await Processes.of(GREEDY)
    const server = servers.start({ args: [JSON.stringify(LIMITS)] })
    const address = String(await server.next())
    const measure = async (): Promise<Held> => {
      server.signal('SIGUSR2')
      return (await server.next()) as Held
    }
    const before = await measure()
    expect(await clients.start({ args: [address, '20'] }).next()).toBe('full')
    const peers: RawPeer[] = []
    const dial = async (count: number, play: (peer: RawPeer, name: string) => unknown): Promise<void> => {
      for (let each = 0; each < count; each += 1) {
        const peer = await RawPeer.dial(address)
        peers.push(peer)
        await play(peer, `raw-${peers.length}`)
      }
    }
    // Records that are never whole, in four lanes, and a frame that is not either.
    await dial(20, async (peer, name) => {
      const table = { 'any:never': [ID['any:never'], 1, 'msgpack'] }
      await introduce(peer, name, { item: 'msgpack', result: 'bytes', messages: table })
      for (let channel = 0; channel < 4; channel += 1) {
        const record = RECORD.request(channel + 1, ID['any:never'], { channel, payload: binary(65_000) })
        peer.send(batch(RECORD.piece(channel + 3, 1, record.subarray(0, 60_000), record.length)))
      }
      peer.send(Buffer.concat([Buffer.of(0, 0, 0xff, 0xff), Buffer.alloc(65_000)]))
    })
    await dial(40, (peer) => peer.send(Buffer.from(frame(FRAME.CONN, hello('slow')), 'hex').subarray(0, 20)))
    await dial(300, () => {})
    const after = await measure()
    for (const peer of peers) peer.cut()
    const [held, rss] = [after.held - before.held, after.rss - before.rss]
    console.info(
      `held: ${(held / MIB).toFixed(1)} MiB, rss: ${(rss / MIB).toFixed(1)} MiB more, of ${(after.bound / MIB).toFixed(1)} MiB`,
    )
    expect(after.clients).toBe(40)
    expect(held).toBeLessThan(after.bound)
    expect(rss).toBeLessThan(after.bound)
    // The attack was one.
    expect(held).toBeGreaterThan(20 * LIMITS.maxUnsettledBytes)
  },
)

describe('server.limits()', () => {
  test('is the sum of its terms, each of which is so many times its parts', async () => {
    const server = await listen(undefined, { limits: { maxConnections: 7, maxHandshakes: 3 } })
    const bound = server.limits()
    const { terms } = bound
    for (const { count, parts, bytes } of terms)
      expect(bytes).toBe(count * parts.reduce((sum, part) => sum + part.bytes, 0))
    expect(bound.bytes).toBe(terms.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(terms.map(({ count, limit }) => [count, limit])).toEqual([
      [1_024, undefined],
      [3, 'maxHandshakes'],
      [7, 'maxConnections'],
    ])
    await server.close()
  })

  test.each([
    ['maxFrameBytes', 2_097_152],
    ['maxItemBytes', 2_097_152],
    ['maxUnsettledBytes', 33_554_432],
    ['maxUnsettled', 32_768],
    ['maxRequests', 512],
    ['maxRequestBytes', 33_554_432],
    ['maxStreamBytes', 2_097_152],
    ['maxStreamChunks', 512],
    ['maxHelloBytes', 16_384],
  ])('grows with %s, and names it', async (limit, value) => {
    const usual = await listen()
    const more = await listen(undefined, { limits: { [limit]: value } })
    expect(more.limits().bytes).toBeGreaterThan(usual.limits().bytes)
    expect(String(more.limits())).toContain(limit)
    await Promise.all([usual.close(), more.close()])
  })

  test('counts what is kept for clients that come back', async () => {
    const usual = await listen()
    const more = await listen(undefined, { resumeTimeoutMs: 1_000 })
    expect(more.limits().bytes).toBeGreaterThan(usual.limits().bytes)
    expect(String(more.limits())).toContain('maxReplayBytes')
    await Promise.all([usual.close(), more.close()])
  })

  /** What one client may make a server hold, by what it is. */
  async function partsOf(options: Parameters<typeof listen>[1]): Promise<Record<string, number>> {
    const server = await listen(undefined, options)
    const { parts = [] } = server.limits().terms.at(-1) ?? {}
    await server.close()
    return Object.fromEntries(parts.map(({ what, bytes }) => [what, bytes]))
  }

  test('counts 8 KiB for each payload that may be the last to keep what others shared with it', async () => {
    const limits = {
      maxUnsettled: 100,
      maxRequests: 10,
      maxStreamChunks: 7,
      maxStreamBytes: 1_000,
      maxItemBytes: 1_000,
    }
    expect(await partsOf({ limits })).toMatchObject({
      'what items cost beside': 100 * (512 + 8_192),
      'what requests cost beside': 10 * (4_096 + 8_192),
      'streams that somebody reads, both ways': 2 * 10 * (2 * 2_000 + 7 * 8_192),
    })
  })

  test('counts what waits to be read, and two reads that come on top', async () => {
    expect(await partsOf({})).toMatchObject({ 'what was not looked at': 524_288 })
  })

  test('counts an eighth of a buffer for each kept frame that fills the rest, and what the last 48 share with frames of others', async () => {
    const limits = { maxReplayBytes: 700_000, maxFrameBytes: 65_536 }
    expect(await partsOf({ limits, resumeTimeoutMs: 1_000 })).toMatchObject({
      'what it may need again': 800_000 + 65_536 + 48 * (8_192 + 1_024),
    })
  })

  test('prints itself for people', async () => {
    const server = await listen(undefined, { limits: { maxConnections: 2, maxHandshakes: 1 } })
    const [first = '', ...lines] = String(server.limits()).split('\n')
    expect(first).toMatch(/^at most [\d.]+ GiB$/)
    expect(lines[0]).toBe('  4 MiB: 1,024 connections that wait, each 4 KiB')
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}[\d.]+ GiB: 2 clients \(maxConnections\), each [\d.]+ GiB$/),
    )
    expect(lines).toContain('    34 MiB: items (maxUnsettledBytes, maxItemBytes)')
    await server.close()
  })
})
