import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { ServerOptions, WebSocket } from 'ws'

import { collect } from '../../src/conformance/bytes.ts'
import * as netqueue from '../../src/index.ts'
import type { ByteDuplex, Listener } from '../../src/index.ts'
import { websocket } from '../../src/transport/websocket.ts'
import { counterpart, runner } from '../portable/index.ts'
import type { Counterpart, Outcome } from '../portable/index.ts'
import { bundle } from './bundle.ts'
import { chromiumPath, launch, servePage } from './chromium.ts'
import type * as page from './page.ts'
import { defineSuites } from './suites.ts'

const MiB = 1024 * 1024

if (chromiumPath === undefined)
  console.warn(
    'netqueue: the tests in Chromium are SKIPPED, for there is none: install it, or say in $CHROMIUM where it is',
  )

describe.skipIf(chromiumPath === undefined)('Chromium', () => {
  let browser: Browser
  let tab: Page
  let http: Server
  let origin: string
  let server: Counterpart
  let script: string

  /** Calls a function of the page; as text, for what the tests are made into is not for browsers. */
  const call = <N extends keyof typeof page>(
    name: N,
    ...args: Parameters<(typeof page)[N]>
  ): Promise<Awaited<ReturnType<(typeof page)[N]>>> =>
    tab.evaluate(`import('/page.js').then((page) => page.${name}(...${JSON.stringify(args)}))`)

  beforeAll(async () => {
    script = await bundle('test/browser/page.ts')
    browser = await launch()
    ;({ http, origin } = await servePage(script))
    const transports = [websocket({ server: http })]
    server = await counterpart({ netqueue, address: 'ws://127.0.0.1:0/queue', options: { transports } })
    tab = await browser.newPage()
    await tab.goto(origin)
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    http?.close()
  })

  describe('the suites', () => {
    const outcomes = new Map<string, Outcome>()
    const { describe, test: define, titles } = runner()
    defineSuites({ describe, test: define }, { there: String, here: String, pairs: String })

    beforeAll(async () => {
      const listener = await websocket({ origins: [origin] }).listen('ws://127.0.0.1:0')
      void joinPairs(listener)
      for (const outcome of await call('runAll', server.address, listener.address)) outcomes.set(outcome.title, outcome)
      await listener.close()
    }, 240_000)

    test.each(titles())('%s', (title) => {
      expect(outcomes.get(title)).toEqual({ title, ms: expect.any(Number) as number })
    })
  })

  test('a page of another origin is refused, also by another name of the same host', async () => {
    const other = await servePage(script)
    await tab.goto(other.origin)
    expect(await call('failureOf', server.address)).toMatch(/^NetQueueError: Cannot connect to ws:.*: WEBSOCKET_1006$/)
    await tab.goto(origin.replace('127.0.0.1', 'localhost'))
    expect(await call('failureOf', server.address)).toMatch(/WEBSOCKET_1006$/)
    await tab.goto(origin)
    expect(await call('failureOf', server.address)).toBe('none')
    other.http.close()
  })

  test('what a browser cannot do fails with an error that says so', async () => {
    expect(await call('failuresOfAbsent')).toEqual([
      'NetQueueError: tcp() needs Node: a browser reaches servers by ws:// and wss:// alone',
      expect.stringContaining('TypeError: Expected `address` to look like `ws://host:port/path` or `memory:name`'),
      expect.stringContaining('TypeError: Expected `address` to look like `ws://host:port/path` or `memory:name`'),
      'NetQueueError: Nobody can listen at ws://127.0.0.1:1 in a browser: ws: servers need Node',
    ])
  })

  test.each<[string, ServerOptions, (socket: WebSocket) => void, RegExp, number]>([
    ['speaks another protocol', { handleProtocols: () => false }, () => {}, /Cannot connect to ws:/, 1006],
    ['sends text', {}, (socket) => socket.send('hello'), / broke: TEXT_MESSAGE/, 4003],
    ['sends more than anybody reads', {}, flood, / broke: UNREAD/, 4002],
  ])('P7: a server that %s is left', async (_, options, attack, expected, code) => {
    const evil = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
    const closed = new Promise<number>((resolve) => {
      evil.on('connection', (socket) => {
        attack(socket)
        socket.on('close', resolve)
      })
    })
    await new Promise((resolve) => evil.once('listening', resolve))
    const address = `ws://127.0.0.1:${(evil.address() as AddressInfo).port}`
    expect(await call('endOf', address, attack !== flood)).toMatch(expected)
    expect(await closed).toBe(code)
    evil.close()
  })

  test('a sink in a page stops pulling while nobody reads, and goes on when someone does', async () => {
    const listener = await websocket({ origins: [origin] }).listen('ws://127.0.0.1:0')
    const accepted = opened(listener)
    const held = await call('send', listener.address, 64 * MiB)
    expect(held).toBeLessThan(16 * MiB)
    const duplex = await accepted
    const got = await Promise.all([collect(duplex.source), duplex.sink([])])
    expect(got[0].length).toBe(64 * MiB)
    await call('sent')
    await listener.close()
  })
})

async function opened(listener: Listener): Promise<ByteDuplex> {
  const { value } = (await listener[Symbol.asyncIterator]().next()) as IteratorYieldResult<ByteDuplex>
  await value.open?.()
  return value
}

function flood(socket: WebSocket): void {
  for (let sent = 0; sent < 20 * MiB; sent += 65_536) socket.send(new Uint8Array(65_536))
}

/** What one of a pair sends, the other gets. */
async function joinPairs(listener: Listener): Promise<void> {
  let first: ByteDuplex | undefined
  for await (const second of listener) {
    await second.open?.()
    if (first !== undefined) {
      first.sink(second.source).catch(() => {})
      second.sink(first.source).catch(() => {})
    }
    first = first === undefined ? second : undefined
  }
}
