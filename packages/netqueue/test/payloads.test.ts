import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import { defineMessages, json, RemoteError, type } from '../src/index.ts'
import type { Codec, ServerClient } from '../src/index.ts'
import { Place } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both } from './support/talking.ts'

describe('a value that does not fit', () => {
  const strict = defineMessages({
    'n:ask': { payload: z.number(), reply: z.number() },
    'n:say': { payload: z.number() },
  })
  const loose = defineMessages({
    'n:ask': { payload: type<unknown>(), reply: type<unknown>() },
    'n:say': { payload: type<unknown>() },
  })

  test('is refused where it is given: ENCODE_FAILED, certainly not delivered', async () => {
    await using place = new Place()
    const server = await place.listen({ messages: strict })
    const client = await place.connect({ messages: strict })
    let calls = 0
    server.handle('n:ask', () => (calls += 1))
    const wrong = 'one' as unknown as number
    for (const call of [client.request('n:ask', wrong), client.send('n:say', wrong), server.broadcast('n:say', wrong)])
      expect(await failureOf(call)).toMatchObject({ code: 'ENCODE_FAILED', delivered: 'no' })
    expect(calls).toBe(0)
    expect(() => client.stream('n:ask', wrong)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
  })

  test('is refused where it arrives: RemoteError DECODE_FAILED for a request, a warning for a message', async () => {
    await using place = new Place()
    const server = await place.listen({ messages: strict })
    const client = await place.connect({ messages: loose })
    const warnings: string[] = []
    server.on('warning', ({ error, client: from }) => warnings.push(`${error.code} ${from?.id === client.id}`))
    server.handle('n:ask', (n) => n)
    const heard: number[] = []
    server.on('n:say', ({ payload }) => heard.push(payload))
    const failure = await failureOf(client.request('n:ask', 'one'))
    expect(failure).toBeInstanceOf(RemoteError)
    expect(failure).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'DECODE_FAILED' })
    await client.send('n:say', 'one')
    await client.send('n:say', 1)
    expect(await client.request('n:ask', 1)).toBe(1)
    expect([heard, warnings]).toEqual([[1], ['DECODE_FAILED true', 'DECODE_FAILED true']])
  })

  test('as an answer: RemoteError ENCODE_FAILED where the handler’s side refuses it, DECODE_FAILED where ours does', async () => {
    await using place = new Place()
    const server = await place.listen({ messages: strict })
    server.handle('n:ask', () => 'one' as unknown as number)
    const client = await place.connect({ messages: strict })
    expect(await failureOf(client.request('n:ask', 1))).toMatchObject({ remoteCode: 'ENCODE_FAILED' })
    const second = await place.connect({ messages: loose })
    second.handle('n:ask', () => 'one')
    const to = server.clients[1] as ServerClient
    expect(await failureOf(server.request('n:ask', 1, { to }))).toMatchObject({ code: 'DECODE_FAILED' })
  })

  test.each([
    ['64 levels', 64, undefined],
    ['65 levels', 65, 'DECODE_FAILED'],
  ])('P7: %s of lists from a peer that does not count them', async (_, levels, code) => {
    const raw: Codec<unknown> = {
      name: 'msgpack',
      encode: (value) => value as Uint8Array,
      decode: (value) => value.slice(),
    }
    const free = defineMessages({ 'n:ask': { payload: type<unknown>(), reply: type<unknown>(), codec: raw } })
    await using place = new Place()
    const server = await place.listen({ messages: loose })
    server.handle('n:ask', () => null)
    const client = await place.connect({ messages: free })
    const nested = Uint8Array.from([...Array.from({ length: levels }, () => 0x91), 0xc0])
    const failure = await failureOf(client.request('n:ask', nested))
    expect((failure as RemoteError | undefined)?.remoteCode).toBe(code)
    expect(await failureOf(client.request('n:ask', Uint8Array.of(0xc0)))).toBeUndefined()
  })

  test.each(['json', 'msgpack'])('P7: %s with a key __proto__ changes no prototype', async (name) => {
    const raw: Codec<unknown> = { name, encode: (value) => value as Uint8Array, decode: (value) => value.slice() }
    const shape = { payload: type<unknown>(), reply: type<unknown>() }
    await using place = new Place()
    const server = await place.listen({
      messages: defineMessages({ ask: name === 'json' ? { ...shape, codec: json() } : shape }),
    })
    server.handle('ask', (payload) => payload)
    const client = await place.connect({ messages: defineMessages({ ask: { ...shape, codec: raw } }) })
    const evil =
      name === 'json'
        ? Buffer.from('{"__proto__":{"polluted":1}}')
        : Buffer.concat([Buffer.of(0x81, 0xa9), Buffer.from('__proto__'), Buffer.of(0x81, 0xa1, 0x78, 1)])
    expect(await failureOf(client.request('ask', evil))).toMatchObject({ remoteCode: 'DECODE_FAILED' })
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('P7: headers', () => {
  test.each([
    ['64 pairs', Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`h${n}`, null])), undefined],
    ['65 pairs', Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, null])), 'RangeError'],
    ['8,192 bytes', { a: 'x'.repeat(8_192 - 6) }, undefined],
    ['8,193 bytes', { a: 'x'.repeat(8_192 - 5) }, 'RangeError'],
    ['a name of 64', { ['n'.repeat(64)]: '' }, undefined],
    ['a name of 65', { ['n'.repeat(65)]: '' }, 'RangeError'],
    ['no name', { '': '' }, 'RangeError'],
    ['an upper-case name', { A: '' }, 'RangeError'],
    ['a line end', { a: 'x\r\ny' }, 'RangeError'],
    ['a NUL', { a: '\u0000' }, 'RangeError'],
    ['a control character of the upper half', { a: '\u0085' }, 'RangeError'],
    ['a number', { a: 1 }, 'TypeError'],
    ['a list', [['a', '1']], 'TypeError'],
  ])('headers with %s, in every call that takes some', async (_, given, error) => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const headers = given as Record<string, string>
    server.handle('any:ask', (__, context) => {
      context.setHeaders(context.headers)
    })
    const calls = [
      () => client.request('any:ask', 1, { headers }),
      () => client.send('news:flash', '', { headers }),
      () => client.sendEncoded('news:flash', Uint8Array.of(0xa0), { headers }),
      () => server.send('news:flash', '', { headers, to: there }),
      () => server.broadcast('news:flash', '', { headers }),
    ]
    for (const call of calls) expect(((await failureOf(call())) as Error | undefined)?.name).toBe(error)
  })
})
