import { expect, describe, test } from 'vitest'

import { batch, binary, ending, hears, ID, NIL, RECORD, Siege, times, told } from './support/attackers.ts'
import { rest, until } from './support/nodes.ts'
import { bytes, varint } from './support/records.ts'

const { request, response, refusal, message, chunk, credit, end, endRequests, cancel } = RECORD
const HUGE = Number.MAX_SAFE_INTEGER
const CHANNELS = 256

describe('12, 13: control records that nobody asked for', () => {
  test('200,000 PINGs whose answers are not read leave no answer for each', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.pause()
    for (let frames = 0; frames < 20; frames += 1) peer.send(batch(times(10_000, bytes(12, varint(7)))))
    await siege.goesOn()
    peer.resume()
    peer.send(batch(bytes(12, varint(99))))
    const pongs = await hears(peer, 'pong')
    while (pongs.at(-1)?.token !== 99) pongs.push(...(await hears(peer, 'pong')))
    expect(pongs.length).toBeLessThan(200)
  })

  test.each<[string, Uint8Array]>([
    ['CREDIT', bytes(2, 0, 0, 0, 0)],
    ['RECLAIM', bytes(8)],
    ['STATUS', bytes(11, 1, '1')],
    ['PONG', bytes(13, 1)],
    ['GOAWAY', bytes(14, 0, 0)],
    ['CHUNK_CREDIT for what is over', credit(1, 'reply', 0)],
    ['CHUNK_CREDIT for the last of 256 channels', credit(CHANNELS, 'reply', 1)],
    ['CHUNK for what is over', chunk(1, 'body')],
    ['MESSAGE that nobody hears', message(ID['news:text'])],
  ])('%s, 100,000 times: hardly a word back, and the others go on', async (_, record) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(request(1, ID['any:echo'], { flags: 2 })))
    await hears(peer, 'response')
    peer.send(batch(times(CHANNELS - 1, (n) => request(n + 2, ID['any:never'], { channel: n + 1 }))))
    await siege.goesOn()
    const { byteLength } = peer.received
    for (let frames = 0; frames < 5; frames += 1) peer.send(batch(times(20_000, record)))
    peer.send(batch(bytes(12, varint(99))))
    await siege.while(hears(peer, 'pong'))
    expect(peer.received.byteLength - byteLength).toBeLessThan(2_000)
    expect(siege.losses).toEqual([])
  })
})

/** Requests that are cancelled at once, 100 in each frame. */
const resets = (count: number): string[] =>
  Array.from({ length: Math.ceil(count / 100) }, (_, at) =>
    batch(
      times(Math.min(100, count - at * 100), (n) =>
        bytes(request(at * 100 + n + 1, ID['any:heed']), cancel(at * 100 + n + 1)),
      ),
    ),
  )

describe('14: requests that are opened and cancelled at once', () => {
  test('of a handler that heeds no signal: 256 begin, each keeps its place, and the peer is sent away', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(times(5_000, (n) => bytes(request(n + 1, ID['any:never']), cancel(n + 1)))))
    expect(await siege.while(ending(peer))).toMatchObject({ code: 'RATE_EXCEEDED' })
    expect(siege.begun.length).toBe(256)
  })

  test.each([999, 1_000])('of one that does, %i times: each is answered, and none keeps its place', async (count) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    for (const frame of resets(count)) peer.send(frame)
    expect(await siege.while(hears(peer, 'refusal', count))).toHaveLength(count)
    expect(siege.losses).toEqual([])
  })

  test('of one that does, on and on: RATE_EXCEEDED, and every signal has fired', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    for (const frame of resets(1_500)) peer.send(frame)
    expect(await siege.while(ending(peer))).toMatchObject({ code: 'RATE_EXCEEDED', limit: 'maxCancels' })
    expect(siege.stopped).toBe(siege.begun.length)
  })

  test('requests that cannot be decoded are answered, 10,000 of them, and none stays open', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    const payload = bytes(0xc1)
    const attack = async (): Promise<void> => {
      for (let tag = 1; tag <= 10_000; tag += 200) {
        peer.send(batch(times(200, (n) => request(tag + n, ID['any:echo'], { payload }))))
        for (const { code } of await hears(peer, 'refusal', 200)) expect(code).toBe('DECODE_FAILED')
      }
    }
    await siege.while(attack())
    peer.send(batch(times(256, (n) => request(20_000 + n, ID['any:echo']))))
    expect(await hears(peer, 'response', 256)).toHaveLength(256)
  })
})

describe('15, 19: more requests than may be open', () => {
  test('10,000 at once: 256 begin, the others leave nothing, and the peer is sent away', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(times(10_000, (n) => request(n + 1, ID['any:never']))))
    expect(await siege.while(ending(peer))).toMatchObject({ code: 'RATE_EXCEEDED', limit: 'maxRefusals' })
    expect(siege.begun.length).toBe(256)
  })

  test.each([
    [255, 0],
    [256, 0],
    [257, 1],
  ])('%i at once: %i refused, with TOO_MANY_REQUESTS', async (count, refused) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(
      batch(
        times(count, (n) => request(n + 1, ID['any:never'], { channel: n % CHANNELS })),
        bytes(12, 1),
      ),
    )
    const codes: string[] = []
    for (let isOver = false; !isOver;) {
      await peer.until(() => peer.frames.length > 0)
      for (const heard of told(peer)) {
        if (heard.type === 'refusal') codes.push(heard.code)
        isOver ||= heard.type === 'pong'
      }
    }
    await rest()
    codes.push(...told(peer).flatMap((heard) => (heard.type === 'refusal' ? [heard.code] : [])))
    expect(codes).toEqual(Array.from({ length: refused }, () => 'TOO_MANY_REQUESTS'))
    expect(siege.begun.length).toBe(count - refused)
  })

  test('tags that are far apart cost what others cost; behind the last one there is none', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    const step = Math.floor(HUGE / 256)
    peer.send(batch(times(256, (n) => request((n + 1) * step, ID['any:echo'], { channel: (n * 7) % CHANNELS }))))
    const tags = (await hears(peer, 'response', 256)).map(({ tag }) => tag)
    expect(new Set(tags)).toEqual(new Set(Array.from({ length: 256 }, (_, n) => (n + 1) * step)))
    peer.send(batch(request(HUGE, ID['any:echo'])))
    expect(await hears(peer, 'response')).toMatchObject([{ tag: HUGE }])
    peer.send(batch(request(HUGE, ID['any:echo'])))
    expect(await ending(peer)).toMatchObject({ code: 'BAD_MESSAGE' })
  })
})

const open = request(1, ID['any:never'])
const withBody = request(1, ID['any:read'], { flags: 2 })
const answered = request(1, ID['any:echo'])
const lateFor = (tag: number): Uint8Array =>
  times(20_000, bytes(chunk(tag, 'body'), end(tag, 'body'), credit(tag, 'reply', 9)))

describe('16, 17, 18: tags and credit that are not what they should be', () => {
  test.each<[string, string, Uint8Array[]]>([
    ['a tag that is open', 'BAD_MESSAGE', [open, open]],
    ['a tag that is open in another channel', 'BAD_MESSAGE', [open, request(1, ID['any:never'], { channel: 1 })]],
    ['a tag that does not grow', 'BAD_MESSAGE', [request(2, ID['any:never']), open]],
    ['tag 0', 'BAD_MESSAGE', [request(0, ID['any:never'])]],
    ['channel 256', 'BAD_MESSAGE', [request(1, ID['any:never'], { channel: 256 })]],
    ['flags that have no meaning', 'BAD_MESSAGE', [request(1, ID['any:never'], { flags: 8 })]],
    ['an id that it has not announced', 'BAD_MESSAGE', [request(1, 40_000)]],
    ['a reserved id', 'BAD_MESSAGE', [request(1, 15)]],
    ['id 0', 'BAD_MESSAGE', [message(0)]],
    ['a message by an id beyond all', 'BAD_MESSAGE', [message(HUGE)]],
    ['a CANCEL of what never came', 'BAD_MESSAGE', [open, cancel(2)]],
    ['a CANCEL of the last tag that there is', 'BAD_MESSAGE', [open, cancel(HUGE)]],
    ['a CANCEL of nothing', 'BAD_MESSAGE', [cancel(0)]],
    ['a CANCEL of a target that there is not', 'BAD_MESSAGE', [open, bytes(6, 2, 1)]],
    ['an answer to what was never asked', 'BAD_MESSAGE', [response(1)]],
    ['a refusal of what was never asked', 'BAD_MESSAGE', [refusal(1, 'NO')]],
    ['a chunk of an answer to what was never asked', 'BAD_MESSAGE', [chunk(1, 'reply')]],
    ['credit for a stream that was never sent', 'BAD_MESSAGE', [credit(1, 'body', 1)]],
    ['the end of a stream that never was', 'BAD_MESSAGE', [end(1, 'reply')]],
    ['a chunk of a body that it has not', 'BAD_MESSAGE', [open, chunk(1, 'body')]],
    ['the end of a body that it has not', 'BAD_MESSAGE', [open, end(1, 'body')]],
    ['a chunk in a direction that there is not', 'BAD_MESSAGE', [withBody, bytes(23, 1, 2, 0)]],
    ['a chunk without credit', 'CREDIT_EXCEEDED', [request(1, ID['any:never'], { flags: 2 }), chunk(1, 'body')]],
    ['credit of 2^53', 'BAD_MESSAGE', [open, bytes(24, 1, 1, [255, 255, 255, 255, 255, 255, 255, 127], 1)]],
    ['credit of nine bytes', 'BAD_MESSAGE', [open, bytes(24, 1, 1, [255, 255, 255, 255, 255, 255, 255, 255, 1], 1)]],
    ['a request behind the last one', 'BAD_MESSAGE', [endRequests(), open]],
    ['a second end of requests', 'BAD_MESSAGE', [endRequests(), endRequests()]],
    ['a tag of 0xff without end', 'BAD_MESSAGE', [bytes(20, Buffer.alloc(100, 0xff))]],
    ['a payload longer than the frame', 'BAD_MESSAGE', [bytes(22, varint(ID['news:any']), 0, varint(HUGE), 0)]],
    ['a code of 65 bytes', 'BAD_MESSAGE', [withBody, end(1, 'body', 'x'.repeat(65))]],
  ])('%s is %s, and the others go on', async (_, code, records) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(...records))
    expect(await siege.while(ending(peer))).toMatchObject({ code })
    peer.end()
    await until(() => siege.losses.length > 0)
    expect(siege.losses.map((error) => error.code)).toEqual([code])
  })

  test('what comes late for a request that is over is ignored, 60,000 times', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(answered))
    await hears(peer, 'response')
    peer.send(batch(lateFor(1)), batch(times(1_000, cancel(1)), request(2, ID['any:echo'])))
    expect(await siege.while(hears(peer, 'response'))).toMatchObject([{ tag: 2 }])
  })

  test.each([
    ['maxStreamChunks', 256, 0],
    ['maxStreamBytes', 17, 65_000],
  ])('chunks beyond %s, after %i of %i bytes and the one that was read', async (limit, count, length) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(withBody))
    const [grant] = await hears(peer, 'chunkCredit')
    expect(grant).toMatchObject({ chunks: 256, bytes: 1_048_576 })
    const one = batch(chunk(1, 'body', length === 0 ? NIL : binary(length)))
    for (let n = 0; n < count; n += 1) peer.send(one)
    peer.send(one)
    expect(await siege.while(ending(peer))).toMatchObject({ code: 'CREDIT_EXCEEDED', limit })
  })

  test('credit beyond all bounds, and less after that, is as much as there can be', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(
      batch(request(1, ID['any:count']), credit(1, 'reply', HUGE), credit(1, 'reply', HUGE), credit(1, 'reply', 1)),
    )
    expect((await siege.while(hears(peer, 'chunk', 2_000))).length).toBeGreaterThanOrEqual(2_000)
  })

  test('a stream without credit is not begun; with credit for three it stops behind them', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(request(1, ID['any:count'])))
    await hears(peer, 'response')
    await siege.goesOn()
    expect(siege.produced).toBe(0)
    peer.send(batch(credit(1, 'reply', 3, 1_000)))
    await hears(peer, 'chunk', 3)
    await siege.goesOn()
    expect(siege.produced).toBe(3)
  })
})

test('P8: requests to whoever is free do not go to a client that takes next to nothing, and not on and on to one that never answers', async () => {
  await using siege = await Siege.lay()
  await siege.attacker('tiny', { limits: { frameBytes: 65_536, itemBytes: 1, unsettled: 1 } })
  const deaf = await siege.attacker('deaf')
  const codes = new Map<string, number>()
  const ask = async (): Promise<void> => {
    const { code } = await siege.server.request('any:echo', 'asked', { timeout: 300 }).then(
      () => ({ code: 'answered' }),
      (error: { code: string }) => error,
    )
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  for (let n = 0; n < 20; n += 1) await ask()
  expect([...codes.keys()].toSorted()).toEqual(['TIMEOUT', 'answered'])
  expect(codes.get('TIMEOUT')).toBeLessThan(3)
  deaf.cut()
})

test('P8: a peer whose requests wait in 256 channels for one handler has its turns, and the others have theirs', async () => {
  await using siege = await Siege.lay()
  const ends: (() => void)[] = []
  const from: string[] = []
  siege.server.handle(
    'any:slow',
    async (_, context) => {
      from.push(context.from.id)
      await new Promise<void>((resolve) => ends.push(resolve))
    },
    { concurrency: 1 },
  )
  const peer = await siege.attacker()
  peer.send(batch(times(CHANNELS, (n) => request(n + 1, ID['any:slow'], { channel: n }))))
  await until(() => ends.length === 1)
  const mine = Promise.all([1, 2].map(async () => siege.good.request('any:slow', 1)))
  await rest()
  for (let ended = 0; ended < 5; ended += 1) {
    await until(() => ends.length > ended)
    ends[ended]?.()
  }
  await mine
  expect(from.slice(0, 5)).toEqual(['bad', 'bad', 'good', 'bad', 'good'])
})
