import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { afterEach, describe, expect, test } from 'vitest'

import { json, listen } from '../../src/index.ts'
import type { Server, ServerOptions } from '../../src/index.ts'
import { spawnWorkers } from '../../src/workers/workers.ts'
import { failureOf } from '../support/outcome.ts'
import { ownAddress } from '../support/ports.ts'
import { frame, FRAME, hello, RawServer, welcome } from '../support/raw-peer.ts'
import type { RawPeer } from '../support/raw-peer.ts'

const WORKER = join(import.meta.dirname, 'worker.py')
const TOKEN = 'sixteen bytes, or more'

/** Machines without Python have nothing to test here. */
const hasPython = spawnSync('python3', ['--version']).status === 0

const started: ChildProcess[] = []

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

/** Where a server is, as the worker is told it. */
const hostOf = ({ address = '' }: Pick<Server, 'address'>): string => address.slice('tcp://'.length)

function python(server: Pick<Server, 'address'>, ...args: string[]): ChildProcess {
  return start([WORKER, hostOf(server), ...args])
}

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn('python3', args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  started.push(child)
  return child
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(child, 'close')
  return text
}

const codecs = { item: json(), result: json() }

const listening = (options: ServerOptions<unknown, unknown> = {}): Promise<Server> =>
  listen('tcp://127.0.0.1:0', { ...codecs, ...options })

const numbers = Array.from({ length: 500 }, (_, index) => index)
const doubled = numbers.map((n) => 2 * n)

async function results(server: Server): Promise<unknown[]> {
  const got = []
  for await (const result of server.map(numbers)) got.push(result)
  return got
}

describe.skipIf(!hasPython)('a worker in Python, written from docs/protocol.md alone,', () => {
  test('answers what is submitted, settles what is put, and leaves with its server', async () => {
    const server = await listening()
    const child = python(server, 'snake')
    const exited = once(child, 'exit')
    expect(await results(server)).toEqual(doubled)
    expect(server.clients.map(({ id, tags }) => [id, tags])).toEqual([['snake', ['python']]])
    await server.put(1)
    await server.idle()
    expect(await server.close()).toEqual({ undone: [] })
    expect(await exited).toEqual([0, null])
  })

  test('says when its code fails, and hands back a put item, which becomes a dead letter', async () => {
    const server = await listening({ maxAttempts: 2 })
    python(server)
    expect(await failureOf(server.submit('no number'))).toMatchObject({ remoteCode: 'HANDLER_FAILED' })
    await server.put('no number')
    await server.idle()
    expect(server.deadLetters.list().map(({ item }) => item)).toEqual(['no number'])
    await server.close()
  })

  test('that is killed with SIGKILL gives its items back', async () => {
    const server = await listening()
    const victim = python(server, 'first')
    const working = results(server)
    while ((server.clients[0]?.inFlight ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve))
    victim.kill('SIGSTOP')
    const held = server.clients[0]?.inFlight ?? 0
    victim.kill('SIGKILL')
    python(server, 'second')
    expect(await working).toEqual(doubled)
    expect(held).toBeGreaterThan(0)
    await server.close()
  })

  test('finds a server that restarts, with an id that it keeps', async () => {
    const address = await ownAddress()
    const server = await listen(address, codecs)
    python(server, 'snake')
    await server.submit(1)
    await server.close({ reason: 'restart' })
    const next = await listen(address, codecs)
    expect(await next.submit(2)).toBe(4)
    await next.close()
  })

  test('goes on when it is asked to give back its credit, and when it is told a status', async () => {
    const server = await listening({ status: 'busy' })
    python(server)
    expect(await server.submit(1)).toBe(2)
    server.setStatus({ load: 1 })
    await server.endRequests(server.clients[0] as (typeof server.clients)[number])
    expect(await server.submit(2)).toBe(4)
    await server.close()
  })

  test('drops an item that is cancelled before it began', async () => {
    const server = await listening()
    const child = python(server)
    await server.submit(0)
    child.kill('SIGSTOP')
    const late = failureOf(server.submit(1, { timeout: 20 }))
    expect(await late).toMatchObject({ code: 'TIMEOUT' })
    child.kill('SIGCONT')
    expect(await server.submit(2)).toBe(4)
    await server.close()
  })

  test('with the token of the server is let in, and one with another is not', async () => {
    const server = await listening({ token: TOKEN })
    const host = hostOf(server)
    const stranger = start([WORKER, host, 'stranger'], { NETQUEUE_TOKEN: 'sixteen other bytes' })
    expect(await textOf(stranger)).toBe('stranger: AUTH_FAILED\n')
    expect(await textOf(start([WORKER, host, 'nobody']))).toBe('nobody: AUTH_REQUIRED\n')
    start([WORKER, host, 'friend'], { NETQUEUE_TOKEN: TOKEN })
    expect(await server.submit(21)).toBe(42)
    await server.close()
  })

  test('does not talk to a server that has not its token', async () => {
    const impostor = await listening({ token: 'a token of its own' })
    const host = hostOf(impostor)
    expect(await textOf(start([WORKER, host, 'careful'], { NETQUEUE_TOKEN: TOKEN }))).toBe('careful: AUTH_FAILED\n')
    await impostor.close()
  })

  test('can be started by spawnWorkers(), over a channel of its own', async () => {
    const server = await listen(undefined, { item: json(), result: json() })
    const workers = await spawnWorkers(WORKER, { server, count: 2, execPath: 'python3', output: 'ignore' })
    expect(await results(server)).toEqual(doubled)
    await server.close()
    await workers.closed
    expect(workers.all.map(({ state }) => state)).toEqual(['ended', 'ended'])
  })

  test.each([
    ['a record of no kind', '63', 'UNKNOWN_TYPE'],
    ['no record', '', 'BAD_MESSAGE'],
    ['an item with a number that is not the next', '0100010200010131', 'BAD_MESSAGE'],
    ['a number that is too long', '02ffffffffffffffffff', 'BAD_MESSAGE'],
    ['a text beyond the end of the frame', '0b7f', 'BAD_MESSAGE'],
    ['an item more than it has asked for', '0100010100030131013201330', 'CREDIT_EXCEEDED'],
  ])('answers %s with a code', async (_, batch, code) => {
    await using server = await RawServer.listen()
    python(server)
    const peer = await server.accept()
    await meet(peer)
    peer.send(frame(FRAME.BATCH, Buffer.from(batch.slice(0, batch.length - (batch.length % 2)), 'hex')))
    const frames = await peer.untilEnd()
    expect(frames.filter(({ type }) => type === FRAME.ERROR).map(({ data }) => data.toString())).toEqual([
      JSON.stringify({ code }).replace(':', ': '),
    ])
  })

  test.each([
    ['a frame of no type', '00000002ffff', 'UNKNOWN_TYPE'],
    ['a frame that is too long', 'ffffffff', 'FRAME_TOO_LARGE'],
    ['a record of no kind', '00000003001363', 'UNKNOWN_TYPE'],
    ['a batch without a record', '000000020013', 'BAD_MESSAGE'],
    ['a goodbye before its time, and more', '000000020001', 'UNEXPECTED_FRAME'],
  ])('is told the code for %s', async (_, bytes, code) => {
    const server = await listening()
    const [host, port] = hostOf(server).split(':')
    const script = `
import socket, sys
sys.path.insert(0, ${JSON.stringify(import.meta.dirname)})
from worker import *
stream = Stream(socket.create_connection((${JSON.stringify(host)}, ${port})))
introduce(stream, 'wrong', None)
stream.sock.sendall(bytes.fromhex('${bytes}'))
while True:
    kind, data = stream.receive()
    if kind == ERROR:
        print(json.loads(data)['code'])
        break
`
    expect(await textOf(start(['-B', '-c', script]))).toBe(`${code}\n`)
    await server.close()
  })
})

/** Plays the introduction of a server. */
async function meet(peer: RawPeer): Promise<void> {
  await peer.next()
  peer.send(frame(FRAME.CONN, hello('server')))
  await peer.next()
  peer.send(frame(FRAME.WELCOME, welcome('server', { item: 'json', result: 'json', session: 's', you: { id: 'raw' } })))
  await peer.next()
}
