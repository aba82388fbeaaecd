import { describe, expect, test } from 'vitest'

import { listen } from '../src/index.ts'
import type { NetQueueError, ServerClient } from '../src/index.ts'
import { Place, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { messages, Work } from './support/talking.ts'

describe('P7: limits that are none are refused by listen() and connect(), naming option, rule and value', () => {
  test.each([
    ['maxRequests', 0, 'an integer from 1'],
    ['maxRequests', 1_025, 'an integer from 1 to 1024'],
    ['maxRequestBytes', 0, 'an integer from 1'],
    ['maxStreamChunks', 0, 'an integer from 1'],
    ['maxStreamBytes', 0.5, 'an integer from 1'],
    ['maxUnsentMessages', 0, 'an integer from 1'],
    ['maxUnsentBytes', -1, 'an integer from 1'],
    ['maxUnreadMessages', 0, 'an integer from 1'],
    ['maxUnreadBytes', 0, 'an integer from 1'],
    ['maxCancels', 0, 'an integer from 1'],
    ['maxRefusals', 0, 'an integer from 1'],
    ['requestTimeoutMs', -1, 'a number of milliseconds from 0'],
  ])('%s: %d', async (name, value, rule) => {
    const expected = `RangeError: Expected \`${name}\` to be ${rule}, got \`${value}\``
    await using place = new Place()
    const limits = { [name]: value }
    expect(String(await failureOf(place.listen({ limits })))).toBe(expected)
    const server = await place.listen()
    expect(String(await failureOf(place.connect({ limits })))).toBe(expected)
    expect(server.clients).toEqual([])
  })

  test('and so are messages that are none, and whose ids hold', async () => {
    await using place = new Place()
    await place.listen()
    for (const options of [{ messages: {} as never }, { messages: [] as never }, { messageIds: 'both' as never }]) {
      const [option] = Object.keys(options)
      for (const call of [place.connect(options), listen(undefined, options)])
        expect(String(await failureOf(call))).toMatch(`TypeError: Expected \`${option}\` to be`)
    }
  })
})

describe('P7: limits of requests between two sides', () => {
  const cases = (['requester', 'responder'] as const).flatMap((side) => [1, 2, 3].map((count) => ({ side, count })))

  test.each(cases)('maxRequests 2 of the $side: $count at once', async ({ side, count }) => {
    await using place = new Place()
    const limited = { messages, limits: { maxRequests: 2 } }
    const server = await place.listen(side === 'responder' ? limited : { messages })
    const client = await place.connect(side === 'requester' ? limited : { messages })
    const work = new Work()
    server.handle('any:ask', work.handler)
    const calls = Array.from({ length: count }, (_, n) => client.request('any:ask', n))
    await rest()
    expect(work.begun).toHaveLength(Math.min(2, count))
    work.end(0)
    await rest()
    expect(work.begun).toHaveLength(count)
    work.endAll()
    await Promise.all(calls)
  })

  test.each([
    [99, undefined],
    [100, undefined],
    [101, 'ITEM_TOO_LARGE'],
  ])('maxItemBytes 100 of the other side: a payload of %i bytes, either way', async (length, code) => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxItemBytes: 100 } })
    const client = await place.connect({ messages })
    const [there] = server.clients as [ServerClient]
    for (const node of [server, client]) node.handle('text:shout', () => '!')
    const payload = 'x'.repeat(length)
    const failures = [
      await failureOf(client.request('text:shout', payload)),
      await failureOf(server.request('text:shout', payload, { to: there })),
    ]
    expect(failures.map((failure) => (failure as NetQueueError | undefined)?.code)).toEqual([code, code])
  })

  test('an answer that is longer than the requester takes is RemoteError ITEM_TOO_LARGE', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const client = await place.connect({ messages, limits: { maxItemBytes: 100 } })
    server.handle('text:shout', (payload) => payload.repeat(10))
    expect(await client.request('text:shout', 'x'.repeat(10))).toHaveLength(100)
    expect(await failureOf(client.request('text:shout', 'x'.repeat(11)))).toMatchObject({
      remoteCode: 'ITEM_TOO_LARGE',
    })
  })
})
