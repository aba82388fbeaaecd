import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import { json, listen } from '../../src/index.ts'
import type { Server, ServerClient } from '../../src/index.ts'
import { websocket } from '../../src/transport/websocket.ts'
import { chromiumPath, launch, servePage } from '../browser/chromium.ts'
import { check, equal, range } from '../portable/checks.ts'
import type * as page from './polyglot-page.ts'

export interface PolyglotWorker {
  name: string
  /** Starts it; of its arguments `ADDRESS`, `HOST` (and port) and `NAME` stand for where the server is, and for its name. */
  command: readonly string[]
}

export interface PolyglotInit {
  workers: readonly PolyglotWorker[]
  /** polyglot-page.ts, bundled: what a page in Chromium runs, where there is one. */
  script: string
  items: number
  /** The name of the worker that is killed with SIGKILL at half-time, while it holds items. */
  victim: string
  say: (text: string) => void
}

export interface PolyglotReport {
  /** How many items each was given. */
  given: Readonly<Record<string, number>>
  /** What the victim held when it died, and others got. */
  redelivered: number
}

/** Longer than that, nothing will come of it. */
const TIMEOUT_MS = 60_000

/** The name of the page. */
const PAGE = 'chromium'

/** Lets workers of many languages share one queue, with a token, and kills one of them. Throws where something is lost, or somebody gets nothing. */
export async function polyglot({ workers, script, items, victim, say }: PolyglotInit): Promise<PolyglotReport> {
  const given: Record<string, number> = {}
  const token = crypto.randomUUID()
  const server = await listen<number, number>('tcp://127.0.0.1:0', {
    item: json(),
    result: json(),
    token,
    chooseDispatch: (free) => {
      const chosen = free.reduce((one, other) => (other.inFlight < one.inFlight ? other : one))
      given[chosen.id] = (given[chosen.id] ?? 0) + 1
      return chosen
    },
  })
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const children = new Map(workers.map((worker) => [worker.name, start(worker, server.address as string, token)]))
  const names = [...children.keys(), ...(chromiumPath === undefined ? [] : [PAGE])]
  if (chromiumPath === undefined) say('there is no Chromium on this machine: it is LEFT OUT')
  const visitor = chromiumPath === undefined ? undefined : await visit(server, script, token)
  try {
    await Promise.race([everybody(server, names.length, signal), ...[...children].map(tooEarly)])
    say(`${server.clients.map(({ id }) => id).join(', ')} are connected to ${server.address}`)
    const results: number[] = []
    const killed = killOne(server, victim, children.get(victim), () => results.length >= items / 2)
    for await (const result of server.map(range(items), { signal })) results.push(result)
    equal(
      results,
      range(items).map((n) => 2 * n),
      'the results',
    )
    const redelivered = await killed
    check(redelivered > 0, `${victim} to have held items when it was killed`)
    for (const name of names) check((given[name] ?? 0) > 0, `${name} to get items`)
    equal(await server.close(), { undone: [] })
    for (const [name, child] of children)
      equal(await exitOf(child), name === victim ? 'SIGKILL' : 0, `the end of ${name}`)
    await visitor?.done
    return { given, redelivered }
  } finally {
    await server.close({ timeout: 0 })
    await visitor?.close()
    for (const child of children.values()) child.kill('SIGKILL')
  }
}

/** The token goes by the environment: a command line is no secret. */
function start({ name, command }: PolyglotWorker, address: string, token: string): ChildProcess {
  const places: Record<string, string> = { ADDRESS: address, HOST: address.slice('tcp://'.length), NAME: name }
  const [program = '', ...args] = command.map((part) => places[part] ?? part)
  const env = { ...process.env, NETQUEUE_TOKEN: token }
  return spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env })
}

/** Waits until all are connected. */
async function everybody(server: Server<number, number>, count: number, signal: AbortSignal): Promise<void> {
  if (server.clients.length === count) return
  for await (const _ of server.events('connect', { signal })) if (server.clients.length === count) return
}

interface Visitor {
  /** Resolves when the page has left. */
  done: Promise<void>
  close(): Promise<void>
}

/** Lets a page in Chromium be a client, which comes by a WebSocket. */
async function visit(server: Server<number, number>, script: string, token: string): Promise<Visitor> {
  const { http, origin } = await servePage(script)
  const listener = await websocket({ server: http }).listen('ws://127.0.0.1:0/queue')
  const browser = await launch()
  const tab = await browser.newPage()
  await tab.goto(origin)
  void (async () => {
    for await (const duplex of listener) server.accept(duplex).catch(() => {})
  })()
  const args: Parameters<typeof page.work> = [listener.address, PAGE, token]
  const done = tab.evaluate<void>(`import('/page.js').then((page) => page.work(...${JSON.stringify(args)}))`)
  done.catch(() => {}) // told where it is waited for
  const close = async (): Promise<void> => {
    await listener.close()
    await browser.close()
    http.close()
  }
  return { done, close }
}

/** Rejects when a worker ends, or cannot be started. */
async function tooEarly([name, child]: readonly [string, ChildProcess]): Promise<never> {
  const [code] = await once(child, 'exit').catch(({ message }: Error) => [message])
  throw new Error(`${name} ended before it was connected: ${code}`)
}

/** Stops the victim, so that it holds what it is given, and kills it then; resolves with how much that was. */
async function killOne(
  server: Server<number, number>,
  name: string,
  child: ChildProcess | undefined,
  isTime: () => boolean,
): Promise<number> {
  const client = server.clients.find(({ id }) => id === name) as ServerClient
  while (!isTime()) await turn()
  child?.kill('SIGSTOP')
  while (client.inFlight === 0) await turn()
  const gone = new Promise<number>((resolve) => {
    server.on('disconnect', ({ client: other, unsettled }) => {
      if (other === client) resolve(unsettled)
    })
  })
  child?.kill('SIGKILL')
  return gone
}

async function exitOf(child: ChildProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode ?? child.signalCode ?? 'nothing'
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
