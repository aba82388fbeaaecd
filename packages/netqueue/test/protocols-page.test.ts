import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { missionCommander, netQueue, packetmq, packetstream, simpleServer } from '../src/protocol/index.ts'
import type { Protocol, Supports } from '../src/protocol/index.ts'
import { native } from '../src/protocol/net-queue/net-queue.ts'

const page = readFileSync(new URL('../../../docs/protocols.md', import.meta.url), 'utf8')

/** The cells of the first table, by the word with which its rows begin. */
function rows(): Map<string, string[]> {
  const table = /## What each carries\n\n((?:\|.*\n)+)/.exec(page)?.[1] ?? ''
  const lines = table.trim().split('\n')
  const cells = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  return new Map(cells.map(([head = '', ...rest]) => [/^\w*/.exec(head)?.[0] ?? '', rest]))
}

const FEATURES: Readonly<Record<string, keyof Supports>> = {
  items: 'items',
  credit: 'credit',
  settles: 'settle',
  results: 'result',
  requests: 'request',
  streams: 'stream',
  messages: 'message',
  headers: 'headers',
  heartbeats: 'heartbeat',
}

const protocols: readonly Protocol[] = [
  native(),
  netQueue(),
  packetstream(),
  packetmq(),
  missionCommander(),
  simpleServer(),
]

test('docs/protocols.md says of each protocol what it carries, and of every feature', () => {
  const table = rows()
  expect(Object.values(FEATURES).toSorted()).toEqual(Object.keys(native().supports).toSorted())
  for (const [row, feature] of Object.entries(FEATURES)) {
    const said = table.get(row)?.map((cell) => cell === 'yes')
    expect([row, said]).toEqual([row, protocols.map(({ supports }) => supports[feature])])
  }
  expect(packetmq({ items: 'app:work' }).supports.items).toBe(true)
})
