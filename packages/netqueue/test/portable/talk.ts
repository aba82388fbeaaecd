import { check, codeOf, equal, first, range } from './checks.ts'
import type { PortableCases } from './suite.ts'

export const talkCases: PortableCases = {
  'a request gets its answer': async ({ connect }) => {
    const client = await connect()
    equal(await client.request('any:echo', { a: [1, null] }), { a: [1, null] })
  },

  'a request whose handler throws rejects with its code': async ({ connect }) => {
    const client = await connect()
    const error = await client.request('any:fail', 'NO_LUCK').catch((reason: unknown) => reason)
    const { code, remoteCode } = error as { code: string; remoteCode: string }
    equal([code, remoteCode], ['REMOTE_ERROR', 'NO_LUCK'])
  },

  'a request is given up when its time is up, or by its signal, and its handler hears of it': async ({ connect }) => {
    const client = await connect()
    equal(await codeOf(client.request('any:wait', null, { timeout: 20 })), 'TIMEOUT')
    const controller = new AbortController()
    const waiting = client.request('any:wait', null, { signal: controller.signal })
    await client.request('any:echo', null)
    controller.abort()
    equal(await codeOf(waiting), 'ABORTED')
    while ((await client.request('calls:cancelled', null)) < 2);
  },

  'many requests at once get their own answers': async ({ connect }) => {
    const client = await connect()
    equal(await Promise.all(range(100).map((n) => client.request('any:echo', n))), range(100))
  },

  'the server asks the client': async ({ connect }) => {
    const client = await connect()
    client.handle('me:double', (n) => n * 2)
    equal(await client.request('me:ask', 21), 42)
  },

  'an answer is streamed, no further ahead than it is read': async ({ connect }) => {
    const client = await connect()
    equal(await first(1_000, client.stream('any:count', 1_000)), range(1_001).slice(1))
    const endless = client.stream('any:count', 10_000_000)
    await endless.next()
    const counted = await client.request('any:counted', null)
    check(counted < 1_000_000, `a window ahead of the reader at most, got ${counted}`)
    await endless.return?.()
  },

  'a stream goes along with a request': async ({ connect }) => {
    const client = await connect()
    async function* numbers(): AsyncGenerator<number> {
      yield* range(2_000)
    }
    equal(await client.request('any:sum', null, { body: numbers() }), 1_999_000)
  },

  'a stream that nobody reads on is not pulled beyond its window': async ({ connect }) => {
    const client = await connect()
    let pulled = 0
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (;;) {
        pulled += 1
        yield new Uint8Array(16_384)
      }
    }
    const controller = new AbortController()
    const asked = client.request('any:ignore', null, { body: chunks(), signal: controller.signal })
    let last = 0
    const hasRested = async (): Promise<boolean> => {
      last = pulled
      for (const n of range(20)) await client.request('any:echo', n)
      return pulled > 0 && pulled === last
    }
    while (!(await hasRested()));
    check(pulled < 1_000, `a window of chunks, got ${pulled}`)
    controller.abort()
    equal(await codeOf(asked), 'ABORTED')
  },

  'messages go both ways': async ({ connect }) => {
    const client = await connect()
    const news = client.messages('any:news')
    equal(await client.request('me:tell', { text: 'hello', all: false }), 1)
    equal((await news.next()).value?.payload, 'hello')
    await client.send('any:note', 'first')
    await client.send('any:note', 'second')
    equal(await client.request('notes:heard', 2), ['first', 'second'])
  },

  'a broadcast reaches every client': async ({ connect }) => {
    const clients = [await connect(), await connect(), await connect()]
    const texts = clients.map((client) => client.messages('any:news'))
    const text = `to all, from ${clients[0]?.id}`
    const sent = await clients[0]?.request('me:tell', { text, all: true })
    check((sent ?? 0) >= 3, `at least 3 to be reached, got ${sent}`)
    for (const heard of texts) for await (const { payload } of heard) if (payload === text) break
  },
}
