import { check, codeOf, digest, equal, first, pattern, range } from './checks.ts'
import type { PortableCases } from './suite.ts'

/** The longest item that is taken, with the five bytes that msgpack puts before it. */
const MAX_BYTES = 1_048_576 - 5

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 40,
  '',
  'grüße, 世界',
  [1, [2, []]],
  { a: { b: 'c' } },
  pattern(300),
]

export const itemCases: PortableCases = {
  'get() takes what the server puts': async ({ connect }) => {
    const client = await connect()
    const given = client.request('items:give', ['one'])
    equal(await client.get(), 'one')
    equal(await given, 1)
  },

  'for await takes items in order, and settles each': async ({ connect }) => {
    const client = await connect({ prefetch: 16 }) // what is reclaimed may be overtaken
    const given = client.request('items:give', range(500))
    equal(await first(500, client), range(500))
    equal(await given, 500)
  },

  'values arrive as they were, both ways': async ({ connect }) => {
    const client = await connect()
    const given = client.request('items:give', VALUES)
    equal(await first(VALUES.length, client), VALUES, 'what the client gets')
    await client.putAll(VALUES)
    equal(await client.request('items:taken', VALUES.length), VALUES, 'what the server gets')
    await given
  },

  'put gives the server items in order': async ({ connect }) => {
    const client = await connect()
    for (const n of range(500)) await client.put(n)
    equal(await client.request('items:taken', 500), range(500))
  },

  'process answers what the server submits, several at a time': async ({ connect }) => {
    const client = await connect()
    let [working, most] = [0, 0]
    const worker = client.process(
      async (n) => {
        working += 1
        most = Math.max(most, working)
        await client.request('any:echo', n)
        working -= 1
        return (n as number) * 2
      },
      { concurrency: 4 },
    )
    const answers = await client.request('items:ask', range(40))
    equal(
      answers,
      range(40).map((n) => ({ value: n * 2 })),
    )
    check(most > 1 && most <= 4, `2 to 4 handlers at a time, got ${most}`)
    await client.close()
    await worker
  },

  'a handler that throws is an answer': async ({ connect }) => {
    const client = await connect()
    const worker = client.process(() => {
      throw Object.assign(new Error('no'), { code: 'NOT_TODAY' })
    })
    equal(await client.request('items:ask', [1]), [{ code: 'REMOTE_ERROR', remoteCode: 'NOT_TODAY' }])
    await client.close()
    await worker
  },

  'leaving a loop hands the item back': async ({ connect }) => {
    const client = await connect()
    const given = client.request('items:give', ['again'])
    for await (const item of client) if (item === 'again') break
    const [delivery] = await first(1, client.deliveries())
    equal([delivery?.item, delivery?.attempt], ['again', 2])
    delivery?.done()
    await given
  },

  'the server puts no more than the client has room for': async ({ connect }) => {
    const client = await connect({ prefetch: 1 })
    const given = client.request('items:give', range(20))
    let assigned = false
    void given.then(() => (assigned = true))
    equal(await client.get(), 0)
    await client.request('any:echo', null)
    check(!assigned, 'the server to wait')
    equal(await first(19, client), range(20).slice(1))
    await given
  },

  'items of 1 MiB go both ways': async ({ connect }) => {
    const client = await connect()
    const large = pattern(MAX_BYTES)
    const given = client.request('items:ask', [pattern(1_000_000)])
    const worker = client.process((item) => digest(item))
    equal(await given, [{ value: digest(pattern(1_000_000)) }])
    await client.put(large)
    equal(await client.request('items:taken', 1), [digest(large)])
    await client.close()
    await worker
  },

  'an item that is too large is refused here, and the connection lives on': async ({ connect }) => {
    const client = await connect()
    equal(await codeOf(client.put(pattern(MAX_BYTES + 1))), 'ITEM_TOO_LARGE')
    equal(await client.request('any:echo', 'still here'), 'still here')
  },

  'many small and some large items at once arrive whole': async ({ connect }) => {
    const client = await connect()
    const items = range(200).map((n) => (n % 20 === 0 ? pattern(60_000 + n) : n))
    const taken = client.request('items:taken', items.length)
    await Promise.all(items.map((item) => client.put(item)))
    equal(await taken, items.map(digest))
  },
}
