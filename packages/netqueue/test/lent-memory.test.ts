import { describe, expect, test } from 'vitest'

import { bytes, connect, defineMessages, listen, memoryPair, type } from '../src/index.ts'
import type { ByteDuplex, Bytes, Client, Server } from '../src/index.ts'
import { MAX_READ_BYTES } from '../src/transport/inlet.ts'
import { Pulled, pullFrom } from '../src/transport/pulled.ts'
import type { Puller } from '../src/transport/pulled.ts'
import { isPattern } from '../src/conformance/bytes.ts'
import { Chance } from '../src/testing/chance.ts'
import { pattern } from './support/bytes.ts'

/** What was lent is overwritten with this as soon as it was handed over. */
const POISON = 0xa5
const RESOLVED = Promise.resolve()
/** Short ones share frames, of the others some lie in one, in two, and in many reads. */
const LENGTHS = [0, 1, 16, 127, 128, 300, 1_500, 2_049, 3_000, 9_000, 50_000, 70_000, 300_000]

/** Gives pieces in memory that is used again, as a socket does, to whoever borrows: cut anywhere, often within a frame. */
class LentSource extends Pulled {
  lent = 0
  readonly #pieces: AsyncIterator<Bytes>
  readonly #memory = new Uint8Array(2 * MAX_READ_BYTES)
  readonly #random: () => number
  #rest: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Bytes>, random: () => number) {
    super()
    this.#pieces = source[Symbol.asyncIterator]()
    this.#random = random
  }

  pull(puller: Puller): void {
    if (this.#rest.length > 0) return this.#hand(this.#rest, puller)
    pullFrom(this.#pieces, {
      onPiece: (piece) => this.#hand(piece.slice(), puller),
      onEnd: () => puller.onEnd(),
      onError: (cause) => puller.onError(cause),
    })
  }

  #hand(piece: Uint8Array, puller: Puller): void {
    const most = this.#random() < 0.5 ? MAX_READ_BYTES : 100
    const length = Math.min(piece.length, 1 + Math.floor(this.#random() * most))
    this.#rest = piece.subarray(length)
    void RESOLVED.then(() => {
      if (puller.borrows === true) this.#lend(piece.subarray(0, length), puller)
      else puller.onPiece(piece.slice(0, length))
    })
  }

  #lend(piece: Uint8Array, puller: Puller): void {
    this.lent += 1
    this.#memory.set(piece)
    puller.onPiece(this.#memory.subarray(0, piece.length))
    this.#memory.fill(POISON)
  }
}

const ofBytes = type<Uint8Array>()
const messages = defineMessages({
  'lent:echo': { payload: ofBytes, reply: ofBytes, codec: bytes() },
  'lent:all': { payload: ofBytes, reply: ofBytes, codec: bytes() },
  'lent:news': { payload: ofBytes, codec: bytes() },
})
const options = { messages, item: bytes(), result: bytes(), reconnect: false } as const

type Messages = typeof messages

interface Pair extends AsyncDisposable {
  server: Server<Uint8Array, Uint8Array, Messages>
  client: Client<Uint8Array, Uint8Array, Messages>
  sources: LentSource[]
}

/** Both ends borrow. */
async function pair(seed: number): Promise<Pair> {
  const chance = new Chance(seed)
  const sources: LentSource[] = []
  const [near, far] = memoryPair().map((duplex): ByteDuplex => {
    const source = new LentSource(duplex.source, () => chance.next())
    sources.push(source)
    return { source, sink: duplex.sink, abort: (reason) => duplex.abort?.(reason) }
  }) as [ByteDuplex, ByteDuplex]
  const server = await listen<Uint8Array, Uint8Array, Messages>(`memory:lent-${seed}`, options)
  const [client] = await Promise.all([connect<Uint8Array, Uint8Array, Messages>(near, options), server.accept(far)])
  const close = async (): Promise<void> => {
    await client.close()
    await server.close()
  }
  return { server, client, sources, [Symbol.asyncDispose]: close }
}

const payloads = (): Uint8Array[] => [...LENGTHS, ...LENGTHS.toReversed(), ...LENGTHS].map((length) => pattern(length))

/** What is not as it was sent; looked at in the end, when everything else was read. */
function damaged(all: readonly Uint8Array[]): string[] {
  const sent = payloads()
  const isDamaged = (one: Uint8Array, index: number): boolean => !isPattern(one, sent[index]?.length ?? -1)
  const bad = all.flatMap((one, index) => (isDamaged(one, index) ? [`${index} of ${one.length} bytes`] : []))
  return all.length === sent.length ? bad : [...bad, `${all.length} of ${sent.length} came`]
}

describe.each([1, 2, 3, 4, 5])('what is kept of memory that is lent is a copy, seed %i', (seed) => {
  test('of items and results', async () => {
    await using both = await pair(seed)
    const { server, client, sources } = both
    void client.process((item) => item)
    expect(damaged(await Promise.all(payloads().map((item) => server.submit(item))))).toEqual([])
    expect(Math.min(...sources.map(({ lent }) => lent))).toBeGreaterThan(10)
  })

  test('of items that wait until somebody takes them', async () => {
    await using both = await pair(seed)
    const { server, client } = both
    const taken = (async () => {
      const all: Uint8Array[] = []
      for await (const item of server) {
        all.push(item)
        if (all.length === payloads().length) return all
        if (all.length % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      return all
    })()
    for (const item of payloads()) await client.put(item)
    expect(damaged(await taken)).toEqual([])
  })

  test('of requests and answers, both ways', async () => {
    await using both = await pair(seed)
    for (const [asker, answerer] of [
      [both.server, both.client],
      [both.client, both.server],
    ] as const) {
      const asked: Uint8Array[] = []
      answerer.handle('lent:echo', (question) => {
        asked.push(question)
        return question
      })
      await new Promise((resolve) => setImmediate(resolve))
      expect(damaged(await Promise.all(payloads().map((question) => asker.request('lent:echo', question))))).toEqual([])
      expect(asked.every((one) => isPattern(one, one.length))).toBe(true)
    }
  })

  test('of the chunks of streams', async () => {
    await using both = await pair(seed)
    both.server.handle('lent:all', async function* () {
      yield* payloads()
    })
    const chunks: Uint8Array[] = []
    for await (const chunk of both.client.stream('lent:all', new Uint8Array(0))) chunks.push(chunk)
    expect(damaged(chunks)).toEqual([])
  })

  test('of messages and their headers', async () => {
    await using both = await pair(seed)
    const heard: Uint8Array[] = []
    const names: (string | null | undefined)[] = []
    const all = new Promise<void>((resolve) => {
      both.server.on('lent:news', ({ payload, headers }) => {
        heard.push(payload)
        names.push(headers['name'])
        if (heard.length === payloads().length) resolve()
      })
    })
    for (const [index, payload] of payloads().entries())
      await both.client.send('lent:news', payload, { headers: { name: `number ${index}` } })
    await all
    expect(damaged(heard)).toEqual([])
    expect(names).toEqual(payloads().map((_, index) => `number ${index}`))
  })
})
