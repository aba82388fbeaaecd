import { expect, test } from 'vitest'

import { Pair } from '../../test/support/exchanges.ts'
import { failureOf } from '../../test/support/outcome.ts'

const lacking = (value: string): object => ({
  code: 'UNSUPPORTED',
  limit: 'protocol',
  value,
  delivered: 'no',
  message: `The protocol test does not carry ${{ request: 'requests', message: 'messages', stream: 'streams' }[value] ?? value}`,
})

/** A stream that tells whether it was given up. */
function body(): { source: AsyncIterable<string>; isLeft: () => boolean } {
  let isLeft = false
  const source = (async function* () {
    try {
      yield 'chunk'
    } finally {
      isLeft = true
    }
  })()
  const iterator = source[Symbol.asyncIterator]()
  const leaving = { next: () => iterator.next(), return: async () => ((isLeft = true), iterator.return(undefined)) }
  return { source: { [Symbol.asyncIterator]: () => leaving }, isLeft: () => isLeft }
}

test('without requests, a call is UNSUPPORTED at once, and messages travel', async () => {
  const pair = new Pair({ here: { supports: { request: false, stream: false } } })
  await expect(pair.here.exchange.call('ask', 1)).rejects.toMatchObject(lacking('request'))
  await expect(pair.here.exchange.request('ask', 1)).rejects.toMatchObject(lacking('request'))
  const heard: unknown[] = []
  pair.there.subscriptions.on('news', ({ payload }) => heard.push(payload))
  await pair.here.exchange.send('news', 'hello')
  await pair.settle()
  expect(heard).toEqual(['hello'])
})

test('without messages, a message is UNSUPPORTED at once, and requests travel', async () => {
  const pair = new Pair({ here: { supports: { message: false } } })
  pair.there.handlers.add('ask', (n) => n)
  await expect(pair.here.exchange.send('news', 1)).rejects.toMatchObject(lacking('message'))
  await expect(pair.here.exchange.sendEncoded('news', new Uint8Array(1))).rejects.toMatchObject(lacking('message'))
  const reply = pair.here.exchange.request('ask', 1)
  await pair.settle()
  expect(await reply).toBe(1)
})

test('without streams, a request with one, and one for one, is UNSUPPORTED at once, and what was to be streamed is let go', async () => {
  const pair = new Pair({ here: { supports: { stream: false } } })
  const [first, second] = [body(), body()]
  await expect(pair.here.exchange.request('ask', 1, { body: first.source })).rejects.toMatchObject(lacking('stream'))
  expect(() => pair.here.exchange.stream('ask', 1, { body: second.source })).toThrow(
    expect.objectContaining(lacking('stream')) as Error,
  )
  expect(() => pair.here.exchange.stream('ask', 1)).toThrow(expect.objectContaining(lacking('stream')) as Error)
  await pair.settle()
  expect([first.isLeft(), second.isLeft()]).toEqual([true, true])
})

test('without streams, a handler that streams its answer has failed, and what it streams is let go', async () => {
  const pair = new Pair({ there: { supports: { stream: false } } })
  const streamed = body()
  pair.there.handlers.add('ask', () => streamed.source)
  const failure = failureOf(pair.here.exchange.request('ask', 1))
  await pair.settle()
  expect(await failure).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'UNSUPPORTED' })
  expect([streamed.isLeft(), pair.there.warnings.map(({ code }) => code)]).toEqual([true, ['HANDLER_FAILED']])
})

test('without headers, messages, requests and answers with some are UNSUPPORTED, and those without are not', async () => {
  const pair = new Pair({ here: { supports: { headers: false } }, there: { supports: { headers: false } } })
  const headers = { lang: 'en' }
  await expect(pair.here.exchange.send('news', 1, { headers })).rejects.toMatchObject(lacking('headers'))
  await expect(pair.here.exchange.request('ask', 1, { headers })).rejects.toMatchObject(lacking('headers'))
  const thrown: unknown[] = []
  pair.there.handlers.add('ask', (n, context) => {
    try {
      context.setHeaders(headers)
    } catch (error) {
      thrown.push(error)
    }
    return n
  })
  const reply = pair.here.exchange.request('ask', 1, { headers: {} })
  await pair.settle()
  expect(await reply).toBe(1)
  expect(thrown).toMatchObject([lacking('headers')])
})
