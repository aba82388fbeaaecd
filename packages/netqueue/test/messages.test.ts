import { describe, expect, expectTypeOf, test } from 'vitest'

import type { NetQueueError } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both, messages } from './support/talking.ts'

describe('a message', () => {
  test('goes either way, with headers, and tells who sent it', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const [up, down] = [server.messages('news:flash'), client.messages('news:flash')]
    await client.send('news:flash', 'up', { headers: { lang: 'en', urgent: null } })
    await server.send('news:flash', 'down', { to: there, headers: { n: '1' } })
    const { value: received } = await up.next()
    expectTypeOf(received).exclude<undefined>().toHaveProperty('payload').toEqualTypeOf<string>()
    expect([received?.name, received?.payload, { ...received?.headers }]).toEqual([
      'news:flash',
      'up',
      { lang: 'en', urgent: null },
    ])
    expect(received?.from).toBe(there)
    const { value: answered } = await down.next()
    expect([answered?.payload, { ...answered?.headers }, answered?.from.id]).toEqual(['down', { n: '1' }, server.id])
  })

  test('reaches all who listen, by on() and by loops, in order; a loop that is left hears no more', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const heard: string[] = []
    const stop = server.on('news:flash', ({ payload }) => heard.push(`a ${payload}`))
    server.on('news:flash', ({ payload }) => heard.push(`b ${payload}`))
    server.on('news:other', () => heard.push('other'))
    const loop = server.messages('news:flash')
    await client.send('news:flash', '1')
    await client.send('news:flash', '2')
    await until(() => heard.length === 4)
    stop()
    await client.send('news:flash', '3')
    await until(() => heard.length === 5)
    expect(heard).toEqual(['a 1', 'b 1', 'a 2', 'b 2', 'b 3'])
    const looped: string[] = []
    for await (const { payload } of loop) if (looped.push(payload) === 3) break
    expect(looped).toEqual(['1', '2', '3'])
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  test.each([
    ['newest', [0, 1, 2]],
    ['oldest', [7, 8, 9]],
  ] as const)('P8: a slow subscriber loses the %s, is warned of once, and slows nobody', async (drop, kept) => {
    await using place = new Place()
    const { server, client } = await both(place)
    const warnings: NetQueueError[] = []
    server.on('warning', ({ error }) => warnings.push(error))
    const [slow, quick] = [server.messages('news:other', { capacity: 3, drop }), server.messages('news:other')]
    for (let n = 0; n < 10; n += 1) await client.send('news:other', n)
    const got: unknown[] = []
    for await (const { payload } of quick) if (got.push(payload) === 10) break
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect([slow.dropped, quick.dropped]).toEqual([7, 0])
    expect(warnings).toMatchObject([{ code: 'MESSAGE_DROPPED', limit: 'maxUnreadMessages', value: 'news:other' }])
    const late: unknown[] = []
    for await (const { payload } of slow) if (late.push(payload) === 3) break
    expect(late).toEqual(kept)
    expect(client.state).toBe('connected')
  })

  test.each([1, 2, 3])('maxUnreadMessages 2, and %i that wait', async (count) => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxUnreadMessages: 2 } })
    const client = await place.connect({ messages })
    const loop = server.messages('news:other')
    for (let n = 0; n < count; n += 1) await client.send('news:other', n)
    await rest()
    expect(loop.dropped).toBe(Math.max(0, count - 2))
  })

  test('that is encoded already travels as it is', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const [up, down] = [server.messages('news:flash'), client.messages('news:flash')]
    const hi = Uint8Array.of(0xa2, 0x68, 0x69)
    await client.sendEncoded('news:flash', hi, { headers: { n: '1' } })
    await server.sendEncoded('news:flash', hi, { to: [there] })
    expect(await server.broadcastEncoded('news:flash', hi)).toEqual({ sent: 1, missed: [] })
    expect((await up.next()).value).toMatchObject({ payload: 'hi', headers: { n: '1' } })
    expect([(await down.next()).value?.payload, (await down.next()).value?.payload]).toEqual(['hi', 'hi'])
  })

  test('that nobody waits for is dropped; the next ones arrive', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    await client.send('news:flash', 'unheard')
    await rest()
    const heard = server.messages('news:flash').next()
    await client.send('news:flash', 'heard')
    expect((await heard).value?.payload).toBe('heard')
  })

  test.each([1, 2, 3])(
    'P1: whoever is ahead of the connection waits: %i unsent, of maxUnsentMessages 2',
    async (count) => {
      await using place = new Place()
      const server = await place.listen({ messages, limits: { maxUnsentMessages: 2 } })
      const { there, hold, letGo, client } = await place.attach(server, { messages })
      const loop = client.messages('news:other')
      await rest()
      hold()
      // What the socket holds: one frame with the client, and one on the way.
      for (const n of ['a', 'b']) {
        await server.send('news:other', n, { to: there })
        await rest()
      }
      const sends = Array.from({ length: count }, (_, n) => observe(() => server.send('news:other', n, { to: there })))
      await rest()
      expect(sends.map((send) => send())).toEqual(['resolves', 'resolves', 'waits'].slice(0, count))
      letGo()
      await until(() => sends.every((send) => send() === 'resolves'))
      const got: unknown[] = []
      for await (const { payload } of loop) if (got.push(payload) === 2 + count) break
      expect(got).toEqual(['a', 'b', 0, 1, 2].slice(0, 2 + count))
    },
  )

  test('P11: that waits is given up by its timeout, QUEUE_FULL, or its signal, and then is not sent', async () => {
    await using place = new Place()
    const server = await place.listen({ messages, limits: { maxUnsentMessages: 1 } })
    const { there, hold, letGo, client } = await place.attach(server, { messages })
    const loop = client.messages('news:other')
    await rest()
    hold()
    for (const n of ['with the client', 'on its way', 'unsent']) {
      await server.send('news:other', n, { to: there })
      await rest()
    }
    const late = failureOf(server.send('news:other', 'late', { to: there, timeout: 5 }))
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const aborted = failureOf(server.send('news:other', 'aborted', { to: there, signal: controller.signal }))
    const waiting = server.send('news:other', 'patient', { to: there })
    controller.abort(reason)
    await rest()
    place.clock.advance(5)
    expect(await late).toMatchObject({ code: 'QUEUE_FULL', limit: 'timeout', delivered: 'no' })
    expect(await aborted).toBe(reason)
    letGo()
    await waiting
    const got: unknown[] = []
    for await (const { payload } of loop) if (got.push(payload) === 4) break
    expect(got).toEqual(['with the client', 'on its way', 'unsent', 'patient'])
  })
})
