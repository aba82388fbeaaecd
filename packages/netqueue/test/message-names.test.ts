import { describe, expect, test } from 'vitest'

import { defineMessages, type } from '../src/index.ts'
import type { ServerClient } from '../src/index.ts'
import { observe, Place, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both, messages } from './support/talking.ts'

describe('names', () => {
  const named = (name: string) => defineMessages({ [name]: { payload: type<unknown>() } })

  test.each(['connect', 'disconnect', 'status', 'deadLetter', 'warning'])(
    'a server refuses messages with the name of an event of its own: %s',
    async (name) => {
      await using place = new Place()
      expect(String(await failureOf(place.listen({ messages: named(name) })))).toBe(
        `TypeError: Expected \`messages\` to have other names than events, got "${name}"`,
      )
      // The address is free.
      await place.listen()
    },
  )

  test.each(['disconnect', 'status', 'goaway', 'warning'])(
    'a client refuses messages with the name of an event of its own, before it connects: %s',
    async (name) => {
      await using place = new Place()
      const server = await place.listen()
      const warnings: unknown[] = []
      server.on('warning', ({ error }) => warnings.push(error))
      expect(String(await failureOf(place.connect({ messages: named(name) })))).toBe(
        `TypeError: Expected \`messages\` to have other names than events, got "${name}"`,
      )
      await rest()
      expect(warnings).toEqual([])
    },
  )

  test.each(['__proto__', 'constructor', 'toString', 'then', 'ключ', '😀', 'x'.repeat(128)])(
    '%s is a name like any other',
    async (name) => {
      const odd = defineMessages(Object.fromEntries([[name, { payload: type<unknown>() }]]))
      const asked = defineMessages(Object.fromEntries([[name, { payload: type<unknown>(), reply: type<unknown>() }]]))
      await using place = new Place()
      const server = await place.listen({ messages: odd })
      const client = await place.connect({ messages: odd })
      const heard = server.messages(name).next()
      await client.send(name, 1)
      expect((await heard).value).toMatchObject({ name, payload: 1 })
      await server.close()
      const second = await place.listen({ messages: asked })
      const asker = await place.connect({ messages: asked })
      expect(await failureOf(asker.request(name, 1))).toMatchObject({ remoteCode: 'UNKNOWN_REQUEST' })
      second.handle(name, () => 2)
      expect(await asker.request(name, 1)).toBe(2)
    },
  )

  test('that are none, or of the other kind, are TypeErrors at once, whoever is connected', async () => {
    await using place = new Place()
    const { server, client, there } = await both(place)
    const wrong = (name: string): (() => unknown)[] => [
      () => client.request(name as 'any:ask', 1),
      () => client.call(name as 'any:ask', 1),
      () => client.stream(name as 'any:ask', 1),
      () => server.request(name as 'any:ask', 1),
      () => server.request(name as 'any:ask', 1, { to: there }),
      () => server.call(name as 'any:ask', 1),
      () => server.stream(name as 'any:ask', 1),
      () => server.stream(name as 'any:ask', 1, { to: there }),
    ]
    const none = (name: string): (() => unknown)[] => [
      () => client.send(name as 'news:flash', '1'),
      () => client.sendEncoded(name as 'news:flash', Uint8Array.of(0)),
      () => server.send(name as 'news:flash', '1', { to: there }),
      () => server.sendEncoded(name as 'news:flash', Uint8Array.of(0), { to: there }),
      () => server.broadcast(name as 'news:flash', '1'),
      () => server.broadcastEncoded(name as 'news:flash', Uint8Array.of(0)),
      () => client.messages(name as 'news:flash'),
      () => server.messages(name as 'news:flash'),
    ]
    for (const call of [...wrong('no:such'), ...wrong('news:flash'), ...none('no:such'), ...none('any:ask')]) {
      const said = observe(call)
      await rest()
      expect([call.toString(), said()]).toEqual([
        call.toString(),
        expect.stringMatching(/^(rejects|throws) TypeError$/),
      ])
    }
  })

  test('that the other side does not have are UNSUPPORTED at once', async () => {
    await using place = new Place()
    const server = await place.listen({ messages })
    const bare = await place.connect()
    const client = await place.connect({ messages: messages.omit('any:ask', 'news:flash') })
    const more = await place.connect({
      messages: messages.extend({ 'only:here': { payload: type<1>(), reply: type<1>() } }),
    })
    const [withNone, withLess] = server.clients as [ServerClient, ServerClient]
    expect(bare.state).toBe('connected')
    for (const call of [
      server.request('any:ask', 1, { to: withLess }),
      server.request('math:add', { a: 1, b: 1 }, { to: withNone }),
      server.send('news:flash', '1', { to: withLess }),
      more.request('only:here', 1),
    ])
      expect(await failureOf(call)).toMatchObject({ code: 'UNSUPPORTED', delivered: 'no' })
    client.handle('math:add', () => 5)
    expect(await server.request('math:add', { a: 1, b: 1 })).toBe(5)
  })
})
