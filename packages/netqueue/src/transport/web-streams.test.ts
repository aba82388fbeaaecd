import { describe, expect, test } from 'vitest'
import { testDuplex } from '../conformance/index.ts'
import { fromWebStreams } from './web-streams.ts'
import type { WebStreamPair } from './web-streams.ts'

const pair = (): [WebStreamPair, WebStreamPair] => {
  const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ]
}

testDuplex(
  {
    name: 'streams of the web, as a browser has them',
    create: () => {
      const [one, other] = pair()
      return [fromWebStreams(one), fromWebStreams(other)]
    },
  },
  { describe, test },
)

test('what is no bytes fails both streams with a TypeError', async () => {
  const [one] = pair()
  const readable = new ReadableStream({ start: (controller) => controller.enqueue('text') })
  const duplex = fromWebStreams({ ...one, readable })
  await expect(duplex.source[Symbol.asyncIterator]().next()).rejects.toThrow(
    'Expected `readable` to give bytes, got a string',
  )
  await expect(duplex.sink([])).rejects.toThrow(TypeError)
})

test('both streams are cut by what is given for that', async () => {
  const [one] = pair()
  const reasons: unknown[] = []
  const duplex = fromWebStreams({ ...one, cut: (reason) => reasons.push(reason) })
  const reason = new Error('enough')
  duplex.abort?.(reason)
  expect(reasons).toEqual([reason])
})
