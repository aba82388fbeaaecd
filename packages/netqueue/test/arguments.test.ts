import { inspect } from 'node:util'

import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import { connect, json, listen, memory, NetQueueError, relay } from '../src/index.ts'
import { failureOf } from './support/outcome.ts'
import { Place } from './support/nodes.ts'

/** What a caller without types might write. */
const wrong = (value: unknown): never => value as never

describe('P11: wrong arguments are told at once, by name, rule and value', () => {
  test.each([[undefined], [7000], [{}], ['http://x']])(
    'connect(%o) is a TypeError that shows the forms',
    async (address) => {
      const error = await failureOf(connect(wrong(address)))
      expect(error).toBeInstanceOf(TypeError)
      expect(String(error)).toContain('`tcp://host:port`')
    },
  )

  test.each<[string, Record<string, unknown>]>([
    ['`id` to be a string, got `5`', { id: 5 }],
    ['`tags` to be a list of strings, got `"gpu"`', { tags: 'gpu' }],
    ['`prefetch` to be an integer from 1 to 16384, got `0`', { prefetch: 0 }],
    ['`item` to be a codec', { item: 'text' }],
    ['`flushDelayMs` to be an integer from 0 to 1000, got `1001`', { flushDelayMs: 1_001 }],
    ['`logger` to have a method `trace`', { trace: true }],
    ['`maxAttempts` to be an integer from 1, got `0`', { maxAttempts: 0 }],
    ['`signal` to be an AbortSignal, got `[object Object]`', { signal: {} }],
  ])('connect() says “Expected %s …” before it connects', async (message, options) => {
    const error = await failureOf(connect('memory:nobody', wrong(options)))
    expect(String(error)).toContain(message)
    expect(error).not.toBeInstanceOf(NetQueueError)
  })

  test.each<[string, unknown]>([
    ['the options of a relay, such as', undefined],
    ['`parent` to be an address, several, a duplex of bytes, or a function', {}],
    ['`listen` to be an address, or several, got `5`', { parent: 'memory:nobody', listen: 5 }],
    ['`down` to be a function, got `5` (number)', { parent: 'memory:nobody', down: 5 }],
    ['`up` to be a function, got `"x"` (string)', { parent: 'memory:nobody', up: 'x' }],
    ['`id` to have at least one character', { parent: 'memory:nobody', id: '' }],
    [
      '`messages` to be an option of the relay, got it as `client.messages`',
      { parent: 'memory:nobody', client: { messages: [] } },
    ],
    ['`maxItemBytes` to be an integer', { parent: 'memory:nobody', server: { limits: { maxItemBytes: 'x' } } }],
  ])('relay() says “Expected %s …” before it connects', async (message, options) => {
    const error = await failureOf(relay(wrong(options)))
    expect(String(error)).toContain(message)
    expect(error).not.toBeInstanceOf(NetQueueError)
  })

  test.each([[5], [undefined], [{}]])('map(%o) is a TypeError that names the source', async (source) => {
    const server = await listen()
    expect(() => server.map(wrong(source))).toThrow(/`source` to be an iterable/)
    await server.close()
  })

  test("get('5') and a signal that is none are TypeErrors", async () => {
    await using place = new Place()
    const server = await place.listen()
    expect(String(await failureOf(server.get(wrong('5'))))).toContain('`timeout` to be a number of milliseconds')
    expect(String(await failureOf(server.put('a', { signal: wrong({}) })))).toContain('an AbortSignal')
  })
})

test('map() fails with what the source throws when it is asked for its iterator', async () => {
  const server = await listen()
  const source = {
    [Symbol.iterator](): Iterator<string> {
      throw new Error('no iterator today')
    },
  }
  expect(String(await failureOf(server.map(source).next()))).toBe('Error: no iterator today')
  await server.close()
})

test('a value that JSON has no word for is ENCODE_FAILED where it is put', async () => {
  const server = await listen('memory:json', { item: json(), transports: [memory()] })
  expect(await failureOf(server.put(undefined))).toMatchObject({
    code: 'ENCODE_FAILED',
    message: 'The codec json does not take the item: JSON has no word for undefined',
  })
  await server.close()
})

test('a schema says where a value does not match', async () => {
  const server = await listen('memory:zod', { item: z.object({ size: z.number() }), transports: [memory()] })
  const error = await failureOf(server.put(wrong({ size: 'three' })))
  expect(String(error)).toContain('size: ')
  await server.close()
})

test('an error prints what it has and nothing else', () => {
  const text = inspect(new NetQueueError('QUEUE_FULL', 'full', { limit: 'timeout' }))
  expect(text).toContain("limit: 'timeout'")
  expect(text).not.toContain('undefined')
})

test('P11: an item that is too long for the client it is addressed to is ITEM_TOO_LARGE', async () => {
  await using place = new Place()
  const server = await place.listen()
  await place.connect({ limits: { maxItemBytes: 100 } })
  const error = await failureOf(server.put('a'.repeat(200), { to: server.clients[0] }))
  expect(error).toMatchObject({ code: 'ITEM_TOO_LARGE', limit: 'maxItemBytes', delivered: 'no' })
})

test('a handler that throws and an item that cannot be decoded are warnings where it happened', async () => {
  await using place = new Place()
  const server = await place.listen({ maxAttempts: 1 })
  const client = await place.connect({ item: { ...json<string>(), name: 'msgpack' } })
  const warnings: unknown[] = []
  client.on('warning', ({ error }) => warnings.push(error.code))
  client.process(() => {}).catch(() => {})
  await server.put('not JSON')
  await server.idle()
  expect(warnings).toEqual(['DECODE_FAILED'])
  await client.close()

  const other = await place.connect()
  other.on('warning', ({ error }) => warnings.push([error.code, error.cause]))
  other
    .process(() => {
      throw new RangeError('too far')
    })
    .catch(() => {})
  await server.put('a')
  await server.idle()
  expect(warnings[1]).toEqual(['HANDLER_FAILED', new RangeError('too far')])
})

test('a chooseDispatch that chooses no client of the server is DISPATCH_FAILED, and its item waits', async () => {
  await using place = new Place()
  const choices = [wrong('somebody'), undefined]
  const server = await place.listen({ chooseDispatch: () => choices.shift() })
  const warned = new Promise((resolve) => server.on('warning', resolve))
  const client = await place.connect()
  const received = client.receive()
  const put = server.put('a')
  expect(await warned).toMatchObject({ error: { code: 'DISPATCH_FAILED' } })
  expect(server.backlog).toBe(1)
  await server.close({ timeout: 0 })
  expect(await failureOf(put)).toMatchObject({ code: 'CLOSED' })
  await failureOf(received)
})
