import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe } from 'vitest'

import type { Client, Server } from '../src/index.ts'
import { CALLS } from './support/client-calls.ts'
import { observe, Place, rest } from './support/nodes.ts'
import { Road } from './support/road.ts'
import { messages } from './support/talking.ts'
import type { App } from './support/talking.ts'
import { traits } from './support/traits.ts'

interface Cast {
  server: Server<string, string, App>
  client: Client<string, string, App>
  road: Road
}

/** Each brings a client into the state that it is named after. */
const STATES: Record<string, (cast: Cast) => Promise<unknown>> = {
  /** The server reads and answers, and an item of its is here. */
  async connected({ server, client }) {
    server.process(() => {}).catch(() => {})
    server.handle('any:ask', (payload) => payload)
    server.put('a').catch(() => {})
    await client.poll()
  },
  /** The server would take what is put, if it could be reached. */
  async reconnecting({ server, road }) {
    server.process(() => {}).catch(() => {})
    await rest()
    road.mood = 'refuses'
    road.cut()
  },
  /** close() waits for a handler. */
  async closing({ server, client }) {
    server.put('a').catch(() => {})
    await client.receive()
    void client.close()
  },
  async closed({ client }) {
    await client.close()
  },
  /** The connection broke, and no other one was to be looked for. */
  async failed({ client, road }) {
    road.cut()
    await client.closed
  },
}

/** The table of docs/reconnecting.md is the test: what stands there is what happens. */
function tableOf(page: string): string {
  const text = readFileSync(join(import.meta.dirname, '../../../docs', page), 'utf8')
  const [, section = ''] = text.split('## Every call in every state')
  const rows = section.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('| ---'))
  return rows.map((row) => row.slice(1, -1).replaceAll('`', '')).join('\n')
}

async function outcome(call: string, state: string, resumeTimeoutMs: number): Promise<string> {
  await using place = new Place()
  const road = new Road()
  const server = await place.listen({ messages, transports: [road], resumeTimeoutMs })
  const reconnect = state !== 'failed'
  const client = await place.connect<string, string, App>({ messages, transports: [road], reconnect })
  await rest()
  await STATES[state]?.({ server, client, road })
  await rest()
  const said = observe(() => CALLS[call]?.(client))
  await rest()
  return said()
}

describe('§7, P11: every call of a client in every state does what docs/reconnecting.md says', () => {
  traits(tableOf('reconnecting.md'), Object.keys(CALLS), (call, state) => outcome(call, state, 0))
})

describe('and does the same where the server keeps the session', () => {
  // Which is told of the end of requests behind the last one.
  const table = tableOf('reconnecting.md').replace(
    'endRequests() | resolves | resolves',
    'endRequests() | resolves | waits',
  )
  traits(table, Object.keys(CALLS), (call, state) => outcome(call, state, 60_000))
})
