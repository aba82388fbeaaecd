import { describe, expect, test } from 'vitest'

import { connect, listen, tcp, tls } from '../src/index.ts'
import type { NetQueueError, Server } from '../src/index.ts'
import { Authority } from './support/certificates.ts'
import { expectHandles, handles } from './support/handles.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer } from './support/raw-peer.ts'

/** Somebody who has connected, and says nothing, at a server in memory. */
function silent(server: Server<string, string>): { peer: RawPeer; accepted: Promise<unknown> } {
  const { peer, duplex } = RawPeer.inMemory()
  return { peer, accepted: failureOf(server.accept(duplex)) }
}

describe('P8, fault 9: whoever stays silent from one address costs those of others nothing:', async () => {
  const authority = await Authority.found()
  const identity = await authority.issue({ hosts: ['127.0.0.1'] })

  test.each([
    ['tcp', [tcp()]],
    ['tls', [tls({ ...identity, ca: authority.ca })]],
  ])('over %s', async (scheme, transports) => {
    const before = handles()
    // Nobody is cut while this test runs.
    const server = await listen(`${scheme}://127.0.0.1:0`, { transports, limits: { handshakeTimeoutMs: 600_000 } })
    const address = server.address ?? ''
    const peers = await Promise.all(Array.from({ length: 100 }, () => RawPeer.dial(address.replace('tls:', 'tcp:'))))
    const client = await connect(address, { transports, localAddress: '127.0.0.2' })
    expect(client.state).toBe('connected')
    const neighbour = connect(address, { transports, localAddress: '127.0.0.1' })
    // Those of their own address wait behind them; whoever has hung up meanwhile holds up nobody.
    for (const peer of peers.slice(0, 90)) peer.cut()
    await neighbour.then((each) => each.close())
    for (const peer of peers) peer.cut()
    await client.close()
    await server.close({ timeout: 0 })
    await expectHandles(before)
  })
})

test('clients that come at once are all served, however few may introduce themselves at a time', async () => {
  await using place = new Place()
  const server = await place.listen({ limits: { maxHandshakes: 2 } })
  await Promise.all(Array.from({ length: 50 }, () => place.connect()))
  expect(server.clients).toHaveLength(50)
})

describe('P7, P11: whoever waits for a turn', () => {
  test('is not read, and cut when it had none in time; one warning in a second tells of it', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxHandshakes: 1, handshakeTimeoutMs: 1_000, maxHelloBytes: 8_192 } })
    const warnings: NetQueueError[] = []
    server.on('warning', ({ error }) => warnings.push(error))
    const first = silent(server)
    const others = Array.from({ length: 10 }, () => silent(server))
    for (const { peer } of others) peer.send(frame(FRAME.CONN, hello('late')))
    place.clock.advance(1_100)
    await rest()
    const outcomes = await Promise.all(others.map(({ accepted }) => accepted))
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ code: 'TOO_MANY_CONNECTIONS', limit: 'maxHandshakes', value: 2 })
    for (const { peer } of others) expect(peer.frames).toEqual([])
    expect(warnings.map(({ code }) => code).toSorted()).toEqual(['HANDSHAKE_TIMEOUT', 'TOO_MANY_CONNECTIONS'])
    first.peer.cut()
  })

  test('has the whole time for its introduction from its turn on', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxHandshakes: 1, handshakeTimeoutMs: 1_000 } })
    const first = silent(server)
    const second = silent(server)
    place.clock.advance(900)
    first.peer.cut()
    await first.accepted
    await rest()
    const outcome = observe(() => second.accepted)
    place.clock.advance(900)
    await rest()
    expect(outcome()).toBe('waits')
    place.clock.advance(200)
    expect(await second.accepted).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' })
    second.peer.cut()
  })

  test('waits until whoever was refused is gone, and not only until it was told so', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxHandshakes: 1 } })
    const bad = silent(server)
    bad.peer.send(frame(99))
    expect(await bad.accepted).toMatchObject({ code: 'UNKNOWN_TYPE' })
    const client = observe(() => place.connect())
    await rest()
    expect(client()).toBe('waits')
    place.clock.advance(2_100) // for a goodbye that does not come
    await until(() => server.clients.length === 1)
    bad.peer.cut()
  })

  test('is cut when the server closes, and nothing is left', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxHandshakes: 1 } })
    const all = [silent(server), silent(server), silent(server)]
    await place.pass(server.close())
    for (const { accepted } of all) expect(await accepted).toMatchObject({ code: 'CLOSED' })
  })

  test('takes no place of a client: a server that is as good as full of strangers takes all the clients that it may', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxConnections: 2, maxHandshakes: 4, handshakeTimeoutMs: 600_000 } })
    const strangers = [silent(server), silent(server), silent(server)]
    await place.connect()
    await place.connect()
    expect(server.clients).toHaveLength(2)
    expect(await failureOf(place.connect())).toMatchObject({ code: 'CONNECT_FAILED' })
    for (const { peer } of strangers) peer.cut()
  })

  test('is let in unasked where this process has made both ends', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxHandshakes: 1, handshakeTimeoutMs: 600_000 } })
    const first = silent(server)
    const { peer, duplex } = RawPeer.inMemory()
    const accepted = observe(() => server.accept(duplex, { trusted: true }))
    peer.send(frame(FRAME.CONN, hello('ours')))
    expect((await peer.next()).type).toBe(FRAME.CONN)
    expect(accepted()).toBe('waits')
    for (const each of [first.peer, peer]) each.cut()
  })
})

test.each([
  [{ maxHandshakes: 0 }, 'Expected `maxHandshakes` to be an integer from 1'],
  [{ maxHandshakesPerAddress: 1.5 }, 'Expected `maxHandshakesPerAddress` to be an integer from 1'],
])('limits %j are refused', async (limits, message) => {
  await expect(listen(undefined, { limits })).rejects.toThrow(message)
})
