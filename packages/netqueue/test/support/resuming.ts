import assert from 'node:assert/strict'

import { listen, text } from '../../src/index.ts'
import type { Consumer } from '../../src/delivery/consumer.ts'
import type { RequestHandler } from '../../src/request/handlers.ts'
import type { NetQueueError, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import { Cable } from './cable.ts'
import type { Way } from './cable.ts'
import { Clock, rest, until } from './nodes.ts'
import { ReturningClient } from './returning-client.ts'
import { collected, messages } from './talking.ts'
import type { App } from './talking.ts'

/** A server that keeps sessions, and a client that comes back. */
export interface Setup {
  clock: Clock
  server: Server<string, string, App>
  client: ReturningClient
  there: ServerClient
  /** Of the first connection. */
  cable: Cable
  events: string[]
  warnings: NetQueueError[]
}

const open: Setup[] = []

/** Closes all that was connected, and finds nothing left. */
export async function dispose(): Promise<void> {
  for (const { server, client, clock } of open.splice(0)) {
    await client.gone()
    const closed = server.close({ timeout: 0 })
    await rest()
    clock.advance(5_000)
    await closed
    assert.equal(clock.timers, 0, 'Expected no timer to remain')
  }
}

/** A server that keeps sessions for a minute, and a client that both know of. */
export async function connected(options: ServerOptions<string, string, App> = {}): Promise<Setup> {
  const clock = new Clock()
  // Time goes on in leaps here: nobody is to be taken for dead.
  const limits = { heartbeatMs: 0, frameTimeoutMs: 0, sendTimeoutMs: 0, ...options.limits }
  const server = await listen<string, string, App>(undefined, {
    item: text(),
    result: text(),
    messages,
    env: clock,
    resumeTimeoutMs: 60_000,
    ...options,
    limits,
  })
  const [events, warnings]: [string[], NetQueueError[]] = [[], []]
  server.on('connect', () => events.push('connect'))
  server.on('suspend', ({ error }) => events.push(`suspend ${error.code}`))
  server.on('resume', () => events.push('resume'))
  server.on('disconnect', ({ error, unsettled }) => events.push(`disconnect ${error?.code ?? 'goodbye'} ${unsettled}`))
  server.on('warning', ({ error }) => warnings.push(error))
  const client = new ReturningClient(clock, 'back', limits)
  const cable = join(server, client)
  await until(() => client.log.length > 0)
  await rest()
  const there = server.clients[0] as ServerClient
  const setup = { clock, server, client, there, cable, events, warnings }
  open.push(setup)
  return setup
}

/** One more connection between the two. */
export function join(server: Server<string, string, App>, client: ReturningClient, cable: Cable = new Cable()): Cable {
  server.accept(cable.there).catch(() => {})
  client.connect(cable.here)
  return cable
}

const numbers = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)

/** What each side has seen of a conversation. */
export interface Seen {
  /** Items of the server, as the client's handler had them, with their attempts. */
  worked: string[]
  /** Items of the client, as the server read them. */
  read: string[]
  asked: unknown[]
  heard: { here: string[]; there: string[] }
  results: string[]
  answers: unknown[]
  /** What was uploaded and downloaded. */
  streams: unknown[]
  settled: string[]
}

export const SEEN: Seen = {
  worked: [...numbers('s', 4), ...numbers('p', 3)].map((item) => `${item} 1`),
  read: numbers('c', 4),
  asked: ['from client', 'from server'],
  heard: { here: numbers('down', 3), there: numbers('up', 3) },
  results: numbers('s', 4).map((item) => item.toUpperCase()),
  answers: ['to client', 'to server'],
  streams: [
    ['u1', 'u2', 'u3'],
    ['d1', 'd2', 'd3'],
  ],
  settled: numbers('c', 4).map((item) => `${item} done`),
}

async function* each(values: string[]): AsyncGenerator<string> {
  for (const value of values) {
    await Promise.resolve()
    yield value
  }
}

/** What a client has to have for a conversation. */
export interface Talker {
  talk: {
    on(name: 'news:flash', listener: (message: { payload: unknown }) => void): unknown
    handle(name: 'any:ask', handler: RequestHandler<never>): unknown
  }
  reader: Pick<Consumer<string, string>, 'process'>
  exchange: {
    send(name: 'news:flash', payload: string): Promise<void>
    request(name: 'any:ask', payload: string): Promise<unknown>
  }
  put(item: string): Promise<void>
  readonly settled: string[]
}

/** Everything that two sides can say to each other, at the same time; `size` is the length of what is long. */
export async function converse(
  { server, client, there }: Pick<Setup, 'server' | 'there'> & { client: Talker },
  size = 1,
): Promise<Seen> {
  const seen: Seen = {
    worked: [],
    read: [],
    asked: [],
    heard: { here: [], there: [] },
    results: [],
    answers: [],
    streams: [],
    settled: client.settled,
  }
  const long = (value: unknown): string => String(value).trimEnd()
  const padded = (value: string): string => value.padEnd(size)
  client.talk.on('news:flash', ({ payload }) => void seen.heard.here.push(payload as string))
  server.on('news:flash', ({ payload }) => seen.heard.there.push(payload))
  client.talk.handle('any:ask', (async (payload: unknown, { body }: { body: AsyncIterable<unknown> }) => {
    if (payload === 'upload') return (await collected(body)).values
    if (payload === 'download') return each(numbers('d', 3).map(padded))
    seen.asked.push(long(payload))
    return padded('to server')
  }) as never)
  server.handle('any:ask', (payload) => {
    seen.asked.push(long(payload))
    return padded('to client')
  })
  void client.reader
    .process(
      (item, { attempt }) => {
        seen.worked.push(`${long(item)} ${attempt}`)
        return item.startsWith('s') ? padded(long(item).toUpperCase()) : undefined
      },
      { concurrency: 2 },
    )
    .catch(() => {})
  const reading = (async () => {
    while (seen.read.length < 4) seen.read.push(long(await server.get()))
  })()
  const flash = async (): Promise<void> => {
    for (const name of numbers('down', 3)) await server.send('news:flash', name, { to: there })
    for (const name of numbers('up', 3)) await client.exchange.send('news:flash', name)
  }
  const [, , results, toClient, toServer, up, down] = await Promise.all([
    flash(),
    Promise.all(numbers('c', 4).map((item) => client.put(padded(item)))),
    Promise.all(numbers('s', 4).map((item) => server.submit(padded(item)))),
    client.exchange.request('any:ask', padded('from client')),
    server.request('any:ask', padded('from server'), { to: there }),
    server.request('any:ask', 'upload', { to: there, body: each(numbers('u', 3).map(padded)) }),
    collected(server.stream('any:ask', 'download', { to: there })),
    Promise.all(numbers('p', 3).map((item) => server.put(padded(item)))),
    reading,
  ])
  await until(() => seen.worked.length >= 7 && seen.settled.length >= 4)
  await server.idle()
  seen.results = results.map(long)
  seen.answers = [toClient, toServer].map(long)
  seen.streams = [(up as unknown[]).map(long), down.values.map(long)]
  return seen
}

/** The same, in an order that does not depend on what came first. */
export const sorted = (seen: Seen): Seen => ({
  ...seen,
  worked: [...seen.worked].toSorted(),
  asked: seen.asked.map(String).toSorted(),
  settled: seen.settled.map((line) => line.replace(/\s+/g, ' ')),
})

/** Comes back whenever its connection is lost, on whatever cable is given. */
export function comeBack({ server, client }: Setup, next: (count: number) => Cable = () => new Cable()): void {
  let count = 0
  client.lost = () => {
    count += 1
    const cable = next(count)
    queueMicrotask(() => join(server, client, cable))
  }
}

/** How many bytes of a whole conversation arrive each way. */
export async function lengths(size?: number): Promise<Record<Way, number>> {
  const setup = await connected()
  const before = { ...setup.cable.carried }
  await converse(setup, size)
  const { up, down } = setup.cable.carried
  return { up: up - before.up, down: down - before.down }
}
