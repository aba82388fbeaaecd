import { pieces } from '../../src/conformance/bytes.ts'
import { steady } from '../../src/conformance/checks.ts'
import * as netqueue from '../../src/index.ts'
import { websocket } from '../../src/transport/websocket-browser.ts'
import { counterpart, runner } from '../portable/index.ts'
import type { Outcome } from '../portable/index.ts'
import { defineSuites } from './suites.ts'

// What runs in the page: it is bundled, and called from chromium.test.ts.

/** Runs all suites, one test after the other, with a counterpart at one address, and somebody who joins pairs at another. */
export async function runAll(address: string, pairs: string): Promise<Outcome[]> {
  const local = await counterpart({ netqueue, address: 'memory:here' })
  const { describe, test, run } = runner()
  defineSuites({ describe, test }, { there: () => address, here: () => local.address, pairs: () => pairs })
  const outcomes: Outcome[] = []
  for await (const outcome of run()) outcomes.push(outcome)
  await local.close()
  return outcomes
}

/** How an attempt to connect fails; `none` where it does not. */
export async function failureOf(address: string): Promise<string> {
  const client = await netqueue.connect(address).catch(String)
  if (typeof client === 'string') return client
  await client.close()
  return 'none'
}

/** What calls throw that have nothing behind them in a browser. */
export async function failuresOfAbsent(): Promise<string[]> {
  const calls: (() => unknown)[] = [
    () => netqueue.tcp(),
    () => netqueue.connect('tcp://127.0.0.1:1'),
    () => netqueue.listen('tcp://127.0.0.1:1'),
    () => netqueue.listen('ws://127.0.0.1:1'),
  ]
  return Promise.all(
    calls.map(async (call) =>
      Promise.resolve()
        .then(call)
        .then(() => 'none', String),
    ),
  )
}

/** How a connection ends that is read at once, or only when it is closed. */
export async function endOf(address: string, isRead: boolean): Promise<string> {
  const duplex = await websocket().connect(address).catch(String)
  if (typeof duplex === 'string') return duplex
  if (!isRead) await duplex.closed
  return end(duplex.source).then(() => 'ended', String)
}

let sending: Promise<unknown> = Promise.resolve()

/** Begins to send so many bytes to a peer that does not read: gives how many the sink has pulled when it pulls no more. */
export async function send(address: string, total: number): Promise<number> {
  const duplex = await websocket().connect(address)
  let pulled = 0
  const sent = duplex.sink(pieces(total, 65_536, (bytes) => (pulled += bytes)))
  sending = Promise.all([sent, end(duplex.source), duplex.closed])
  return steady(() => pulled)
}

/** Resolves when all of that is sent, and the connection closed. */
export async function sent(): Promise<void> {
  await sending
}

async function end(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}
