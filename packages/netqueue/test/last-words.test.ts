import { describe, expect, test } from 'vitest'

import { connect, listen, memory } from '../src/index.ts'
import { until } from './support/nodes.ts'
import { messages } from './support/talking.ts'
import type { App } from './support/talking.ts'

describe.each(['tcp://127.0.0.1:0', 'memory:last-words'])('a last message, at %s,', (address) => {
  const transports = address.startsWith('memory') ? { transports: [memory()] } : {}

  test('to a client that leaves is heard by it: the server hears `goaway` before the client is gone', async () => {
    const server = await listen<string, string, App>(address, { messages, ...transports })
    const client = await connect<string, string, App>(server.address as string, { messages, ...transports })
    const events: string[] = []
    server.on('goaway', ({ client: there, reason }) => {
      events.push(`goaway: ${reason}`)
      void server.send('news:flash', 'remember the milk', { to: there })
    })
    server.on('disconnect', ({ reason }) => events.push(`disconnect: ${String(reason)}`))
    client.on('news:flash', ({ payload }) => events.push(payload))
    await client.close({ reason: 'done for today' })
    await until(() => events.length === 3)
    expect(events.toSorted()).toEqual(['disconnect: done for today', 'goaway: done for today', 'remember the milk'])
    expect(events[0]).toBe('goaway: done for today')
    await server.close()
  })

  test('to a server that closes is heard by it: the client hears `goaway` while it can still speak', async () => {
    const server = await listen<string, string, App>(address, { messages, ...transports })
    const client = await connect<string, string, App>(server.address as string, { messages, ...transports })
    const heard: string[] = []
    server.on('news:flash', ({ payload, from }) => heard.push(`${payload} from ${from.id}`))
    server.on('goaway', () => heard.push('nothing new'))
    client.on('goaway', ({ server: to }) => void client.send('news:flash', 'farewell', { to }))
    await server.close()
    expect(heard).toEqual([`farewell from ${client.id}`])
    await client.closed
  })

  test('cannot be sent to one that is lost: nobody hears `goaway`, and the call says so', async () => {
    const server = await listen<string, string, App>(address, { messages, ...transports })
    const client = await connect<string, string, App>(server.address as string, { messages, ...transports })
    const events: string[] = []
    server.on('goaway', () => events.push('goaway'))
    server.on('disconnect', ({ client: there, error }) => {
      events.push(String(error?.code))
      server.send('news:flash', 'too late', { to: there }).catch((late: { code: string }) => events.push(late.code))
    })
    await client.close({ notify: false })
    await until(() => events.length === 2)
    expect(events).toEqual(['CONNECTION_LOST', 'CLIENT_GONE'])
    await server.close()
  })
})
