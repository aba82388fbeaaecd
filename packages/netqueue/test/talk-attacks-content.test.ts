import { describe, expect, test } from 'vitest'

import { batch, ending, hears, ID, NIL, RECORD, Siege, times } from './support/attackers.ts'
import { until } from './support/nodes.ts'
import { bytes, field, varint } from './support/records.ts'

const { request, response, message, piece, headers } = RECORD
const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value)
const nested = (depth: number): Uint8Array => bytes(Buffer.alloc(depth, 0x91), NIL)
const listOf = (count: number): Uint8Array =>
  bytes(0xdd, [0, count >> 16, (count >> 8) & 0xff, count & 0xff], Buffer.alloc(count, 0xc0))
const jsonNested = (depth: number): Uint8Array => utf8('['.repeat(depth) + '1' + ']'.repeat(depth))
const jsonList = (count: number): Uint8Array => utf8(`[${'1,'.repeat(count - 1)}1]`)
const entry = (key: string): Uint8Array => bytes(0x81, 0xa0 + key.length, key, 0x81, [0xa1], 'x', 1)

describe('26, 27, 28, 29: payloads', () => {
  test.each<[string, keyof typeof ID, Uint8Array]>([
    ['msgpack with a key __proto__', 'any:echo', entry('__proto__')],
    ['JSON with a key __proto__', 'any:json', utf8('{"__proto__":{"x":1}}')],
    ['JSON with a key __proto__ in escapes', 'any:json', utf8('[{"\\u005f_proto_\\u005F":{"x":1}}]')],
    ['msgpack of 65 levels', 'any:echo', nested(65)],
    ['msgpack of a million levels', 'any:echo', nested(1_000_000)],
    ['JSON of 65 levels', 'any:json', jsonNested(65)],
    ['JSON of 500,000 levels', 'any:json', jsonNested(500_000)],
    ['msgpack of 100,001 values', 'any:echo', listOf(100_001)],
    ['JSON of 100,001 values', 'any:json', jsonList(100_001)],
    ['msgpack that claims 2^32 - 1 values', 'any:echo', bytes(0xdd, [255, 255, 255, 255])],
    ['msgpack that claims 2^32 - 1 pairs', 'any:echo', bytes(0xdf, [255, 255, 255, 255])],
    ['msgpack that claims 2^32 - 1 bytes', 'any:echo', bytes(0xc6, [255, 255, 255, 255])],
    ['300 arrays that claim 2^25 values each', 'any:echo', times(300, bytes(0xdd, [1, 255, 255, 255]))],
    ['msgpack of a type that there is not', 'any:echo', bytes(0xc1)],
    ['msgpack with something behind it', 'any:echo', bytes(1, 1)],
    ['JSON that breaks off', 'any:json', utf8('{"a":')],
    ['JSON in no UTF-8', 'any:json', bytes(0x22, 0xff, 0x22)],
    ['a text in no UTF-8', 'any:text', bytes(0x61, 0xff)],
    ['a text with half of a surrogate pair', 'any:text', bytes(0xed, 0xa0, 0x80)],
    ['a text in an overlong form', 'any:text', bytes(0xc0, 0xaf)],
  ])('%s: a request is answered with DECODE_FAILED, and a message is dropped', async (_, name, payload) => {
    await using siege = await Siege.lay()
    const loop = siege.server.messages(name === 'any:text' ? 'news:text' : 'news:any')
    const peer = await siege.attacker()
    const news = ID[name === 'any:text' ? 'news:text' : 'news:any']
    const parts = [request(1, ID[name], { payload }), ...(name === 'any:json' ? [] : [message(news, { payload })])]
    for (const part of parts) for (const each of inPieces(part)) peer.send(batch(each))
    expect(await siege.while(hears(peer, 'refusal'))).toMatchObject([{ tag: 1, code: 'DECODE_FAILED', reason: '' }])
    peer.send(batch(message(news, { payload: name === 'any:text' ? utf8('next') : NIL })))
    expect(await loop.next()).toMatchObject({ value: { payload: name === 'any:text' ? 'next' : null } })
    expect(Object.prototype).not.toHaveProperty('x')
    expect(siege.losses).toEqual([])
  })

  test.each<[string, keyof typeof ID, Uint8Array]>([
    ['msgpack of 64 levels', 'any:echo', nested(64)],
    ['JSON of 64 levels', 'any:json', jsonNested(64)],
    ['msgpack of 100,000 values', 'any:echo', listOf(100_000)],
    ['JSON of 100,000 values', 'any:json', jsonList(100_000)],
    ['msgpack with a key constructor', 'any:echo', entry('constructor')],
    ['msgpack with a key then', 'any:echo', entry('then')],
    ['msgpack with a key toJSON', 'any:echo', entry('toJSON')],
    [
      'JSON with keys that objects have',
      'any:json',
      utf8('{"constructor":{"prototype":{"x":1}},"hasOwnProperty":1,"toJSON":1,"then":1}'),
    ],
    ['an empty text', 'any:text', bytes()],
    ['a text that begins with a mark of byte order', 'any:text', bytes(0xef, 0xbb, 0xbf, 0x61)],
    ['a text of control characters', 'any:text', bytes(0, 0x1b, 0x0a, 0x7f)],
  ])('%s is data like any other, and comes back as it was', async (_, name, payload) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    for (const each of inPieces(request(1, ID[name], { payload }))) peer.send(batch(each))
    const [answer] = await siege.while(hears(peer, 'response'))
    expect(Buffer.from(answer?.payload ?? []).equals(payload)).toBe(true)
    expect(Object.prototype).not.toHaveProperty('x')
  })
})

/** A record as it may be sent: in pieces where it is long. */
function inPieces(record: Uint8Array): Uint8Array[] {
  if (record.byteLength <= 60_000) return [record]
  const [lane, size] = [record[0] === 22 ? 2 : 3, 60_000]
  return Array.from({ length: Math.ceil(record.byteLength / size) }, (_, index) => {
    const isFirst = index === 0
    const isLast = (index + 1) * size >= record.byteLength
    const flags = (isFirst ? 1 : 0) | (isLast ? 2 : 0)
    return piece(
      lane,
      flags,
      record.subarray(index * size, (index + 1) * size),
      isFirst ? record.byteLength : undefined,
    )
  })
}

const pairs = (count: number, length = 1): Uint8Array =>
  headers(...Array.from({ length: count }, (_, n) => [`h${n}`, 'x'.repeat(length)] as [string, string]))

describe('30: headers', () => {
  test.each<[string, Uint8Array]>([
    ['65 pairs', pairs(65)],
    ['10,000 pairs, in name', varint(10_000)],
    ['2^53 - 1 pairs, in name', varint(Number.MAX_SAFE_INTEGER)],
    ['8,193 bytes', headers(['a', 'x'.repeat(8_193 - 6)])],
    ['a megabyte, in name', bytes(1, field('a'), 1, varint(1_048_576))],
    ['a name of 65 bytes', headers(['a'.repeat(65), null])],
    ['no name', headers(['', 'x'])],
    ['a capital letter in a name', headers(['A', 'x'])],
    ['a line end in a name', headers(['a\r\nb', 'x'])],
    ['a line end in a value', headers(['a', 'x\r\nack: 1'])],
    ['NUL in a value', headers(['a', 'x\0'])],
    ['DEL in a value', headers(['a', '\u007f'])],
    ['a control character of two bytes in a value', headers(['a', '\u0085'])],
    ['no UTF-8 in a value', headers(['a', bytes(0x61, 0xff)])],
    ['no UTF-8 in a name', headers([bytes(0x61, 0xff), 'x'])],
    ['an overlong form in a value', headers(['a', bytes(0xc0, 0x80)])],
    ['half of a surrogate pair in a value', headers(['a', bytes(0xed, 0xa0, 0x80)])],
    ['a name twice', headers(['a', 'x'], ['a', 'y'])],
    ['__proto__ twice', headers(['__proto__', 'x'], ['__proto__', null])],
    ['a value that is neither there nor not', bytes(1, field('a'), 2, field('x'))],
  ])('%s is BAD_MESSAGE before any of it is kept: of a request, of an answer, of a message', async (_, more) => {
    await using siege = await Siege.lay()
    for (const record of [
      request(1, ID['any:echo'], { flags: 1, more }),
      response(1, { flags: 1, more }),
      message(ID['news:any'], { flags: 1, more }),
    ]) {
      const peer = await siege.attacker(`bad-${siege.losses.length}`)
      peer.send(batch(record))
      expect(await ending(peer)).toMatchObject({ code: 'BAD_MESSAGE' })
      peer.end()
    }
    await siege.goesOn()
    await until(() => siege.losses.length === 3)
  })

  test.each<[string, Uint8Array, object]>([
    ['64 pairs', pairs(64), { h63: 'x' }],
    ['8,192 bytes', headers(['a', 'x'.repeat(8_192 - 6)]), { a: 'x'.repeat(8_186) }],
    ['a name of 64 bytes without a value', headers(['a'.repeat(64), null]), { ['a'.repeat(64)]: null }],
    ['an empty value', headers(['a', '']), { a: '' }],
    ['no pairs', headers(), {}],
  ])('%s: taken', async (_, more, expected) => {
    await using siege = await Siege.lay()
    const loop = siege.server.messages('news:any')
    const peer = await siege.attacker()
    peer.send(batch(message(ID['news:any'], { flags: 1, more })))
    const { value } = await loop.next()
    expect(value?.headers).toMatchObject(expected)
  })

  test('26: names that objects have are names like others, of something that has no prototype', async () => {
    await using siege = await Siege.lay()
    const loop = siege.server.messages('news:any')
    const peer = await siege.attacker()
    const names = ['__proto__', 'constructor', 'prototype', 'then', 'tostring', 'hasownproperty']
    peer.send(
      batch(
        message(ID['news:any'], { flags: 1, more: headers(...names.map((name) => [name, 'x'] as [string, string])) }),
      ),
    )
    const { value } = await loop.next()
    const given = value?.headers ?? {}
    expect(Object.getPrototypeOf(given)).toBeNull()
    expect(Object.keys(given)).toEqual(names)
    expect(Object.getPrototypeOf({ ...given })).toBe(Object.prototype)
    expect(Object.isFrozen(given)).toBe(true)
  })
})

const whole = request(1, ID['any:echo'], { payload: bytes(0xc5, 8_000 >> 8, 8_000 & 0xff, new Uint8Array(8_000)) })
const begin = (lane: number, tag: number): Uint8Array => {
  const record = request(tag, ID['any:echo'], { channel: lane - 3, payload: new Uint8Array(8_000) })
  return piece(lane, 1, record.subarray(0, 1_024), record.byteLength)
}

describe('6: records in pieces', () => {
  test.each<[string, string, Uint8Array[]]>([
    ['a fifth one that is open', 'BAD_MESSAGE', [3, 4, 5, 6, 7].map((lane) => begin(lane, lane))],
    ['two in one lane', 'BAD_MESSAGE', [begin(3, 1), begin(3, 2)]],
    ['a piece of nothing', 'BAD_MESSAGE', [piece(3, 0, whole.subarray(0, 1_024))]],
    ['a first piece without a byte', 'BAD_MESSAGE', [piece(3, 1, bytes(), 5_000)]],
    ['a short piece that is not the last', 'BAD_MESSAGE', [piece(3, 1, whole.subarray(0, 1_023), whole.byteLength)]],
    ['a total of nothing', 'BAD_MESSAGE', [piece(3, 1, whole.subarray(0, 1_024), 0)]],
    ['a total beyond maxItemBytes', 'ITEM_TOO_LARGE', [piece(3, 1, whole.subarray(0, 1_024), 1_048_576 + 65)]],
    ['a total of 2^53 - 1', 'ITEM_TOO_LARGE', [piece(3, 1, whole.subarray(0, 1_024), Number.MAX_SAFE_INTEGER)]],
    ['more than the total', 'BAD_MESSAGE', [piece(3, 1, whole.subarray(0, 2_000), 1_500)]],
    [
      'a request in the lane of another channel',
      'BAD_MESSAGE',
      [piece(4, 1, whole.subarray(0, 1_024), whole.byteLength)],
    ],
    ['a request in the lane of messages', 'BAD_MESSAGE', [piece(2, 1, whole.subarray(0, 1_024), whole.byteLength)]],
    ['a lane beyond all', 'BAD_MESSAGE', [piece(259, 1, whole.subarray(0, 1_024), whole.byteLength)]],
    ['the lane of control', 'BAD_MESSAGE', [piece(0, 1, whole.subarray(0, 1_024), whole.byteLength)]],
    ['a CANCEL', 'BAD_MESSAGE', [piece(3, 3, bytes(6, 1, 1), 3)]],
    ['pieces of pieces', 'BAD_MESSAGE', [piece(3, 3, piece(3, 3, whole, whole.byteLength), 9_000)]],
    ['a record inside that of its lane', 'BAD_MESSAGE', [begin(3, 1), request(2, ID['any:echo'])]],
    [
      'two records in one',
      'BAD_MESSAGE',
      [
        piece(
          3,
          3,
          bytes(request(1, ID['any:echo']), request(2, ID['any:echo'])),
          request(1, ID['any:echo']).byteLength * 2,
        ),
      ],
    ],
  ])('%s: %s', async (_, code, records) => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(...records))
    expect(await siege.while(ending(peer))).toMatchObject({ code })
  })

  test('four that never end take the room of what came of them, and block nobody', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(...[3, 4, 5, 6].map((lane) => begin(lane, lane)), request(9, ID['any:echo'], { channel: 9 })))
    expect(await siege.while(hears(peer, 'response'))).toMatchObject([{ tag: 9 }])
  })
})
