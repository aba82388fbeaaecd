import { expect, test } from 'vitest'

import { defineMessages, json, listen, type } from '../src/index.ts'
import type { ReceivedMessage, ServerClient } from '../src/index.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'

// Another id for each than the worker has: its own hold both ways, as it says nothing of `adapt`.
const messages = defineMessages({
  'math:add': { id: 40, payload: type<number[]>(), reply: type<number>(), codec: json() },
  'news:flash': { id: 41, payload: type<string>(), codec: json() },
})
const OWN = { 'math:add': [16, 1, 'json'], 'news:flash': [17, 0, 'json'] }

test('a worker that does what docs/protocol.md §17 says, and no more, answers, asks, sends and hears', async () => {
  const server = await listen('tcp://127.0.0.1:0', { messages })
  const heard = new Promise<ReceivedMessage>((resolve) => server.on('news:flash', resolve))
  server.handle('math:add', ([a = 0, b = 0]) => a + b)
  const worker = await RawPeer.dial(server.address)
  const next = async (): Promise<string> => (await worker.next()).data.toString('latin1')
  const say = (head: string, text: string, tail = ''): void =>
    worker.send(frame(FRAME.BATCH, Buffer.from(head + textHex(text) + tail, 'hex')))

  worker.send(frame(FRAME.CONN, hello('raw')))
  await next()
  worker.send(frame(FRAME.WELCOME, welcome('raw', { item: 'msgpack', result: 'msgpack', messages: OWN })))
  await next()
  await next()
  const [there] = server.clients

  // MESSAGE, both ways: type 17
  await server.broadcast('news:flash', 'hi')
  expect(await next()).toBe('\x16\x11\0\x04"hi"')
  say('161100', '"yo"')
  expect(await heard).toMatchObject({ payload: 'yo', from: there })

  // REQUEST, from the server: tag 1, channel 0, with a deadline, type 16; answered, and one refused
  const sum = server.request('math:add', [1, 2])
  const request = await next()
  expect([request.slice(0, 5), request.slice(8)]).toEqual(['\x14\x01\0\x04\x10', '\x05[1,2]'])
  say('150100', '3')
  expect(await sum).toBe(3)
  const refused = failureOf(server.request('math:add', [1, 2]))
  await next()
  say('150204', 'UNKNOWN_REQUEST', '00')
  expect(await refused).toMatchObject({ remoteCode: 'UNKNOWN_REQUEST' })

  // REQUEST, from the worker, and the end of the server's, which it skips
  say('1401000010', '[4,5]')
  expect(await next()).toBe('\x15\x01\0\x019')
  await server.endRequests(there as ServerClient)
  expect(await next()).toBe('\x1a')

  worker.send(frame(FRAME.DISCONN))
  worker.end()
  await server.close()
})

/** Text behind its length. */
const textHex = (text: string): string => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]).toString('hex')
