import { encode } from '@msgpack/msgpack'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bytes, codecFrom, decodeWith, encodeWithin, json, msgpack, text } from './codec.ts'
import type { Codec } from './codec.ts'

const round = <T>(codec: Codec<T>, value: T): T => decodeWith(codec, encodeWithin(codec, value, 1_048_576))

describe('codecs give back what they took', () => {
  const tree = fc
    .jsonValue({ maxDepth: 5 })
    .filter((value) => !JSON.stringify(value).includes('__proto__'))
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown) // without -0

  test('msgpack: anything that JSON carries, bytes and dates', () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(round(msgpack(), value)).toEqual(value)
      }),
      { numRuns: 300 },
    )
    for (const value of [null, 0, -1, 2 ** 53 - 1, 1.5, '', 'ä😀', new Date(5), Uint8Array.of(1, 2), [[], {}]])
      expect(round(msgpack(), value)).toEqual(value)
  })

  test('json and text', () => {
    fc.assert(
      fc.property(tree, fc.string({ unit: 'binary' }), (value, words) => {
        expect(round(json(), value)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(round(text(), words)).toBe(words)
      }),
    )
  })

  test('msgpack: after a value that it refuses, inside another one, and after a long one, as before', () => {
    const codec = msgpack()
    expect(() => codec.encode([1, Symbol('no')])).toThrow('Symbol')
    const inner = { toJSON: 1, a: [1, 'x'] }
    const outer = {
      get value() {
        return codec.encode(inner)
      },
    }
    expect(codec.decode(codec.encode(outer))).toEqual({ value: codec.encode(inner) })
    const long = 'x'.repeat(200_000)
    expect([codec.decode(codec.encode(long)), codec.decode(codec.encode(inner))]).toEqual([long, inner])
  })

  test('bytes: as they are', () => {
    const item = new Uint8Array(10)
    expect([bytes().encode(item), bytes().decode(item)]).toEqual([item, item])
  })
})

describe('P7: what a peer sent', () => {
  test.each([
    ['msgpack', msgpack(), 'c1'],
    ['msgpack with bytes behind the value', msgpack(), '0101'],
    ['msgpack that ends early', msgpack(), '92'],
    ['msgpack of an array of 2^32 - 1', msgpack(), 'ddffffffff'],
    ['json', json(), '7b'],
    ['json that is no UTF-8', json(), '22ff22'],
    ['text that is no UTF-8', text(), 'c3'],
  ] as const)('%s is DECODE_FAILED when it is broken', (_name, codec, hex) => {
    const payload = new Uint8Array(Buffer.from(hex, 'hex'))
    expect(() => decodeWith(codec as Codec<unknown>, payload)).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED' }),
    )
  })

  test('random bytes are a value or DECODE_FAILED', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        for (const codec of [msgpack(), json(), text()] as Codec<unknown>[]) {
          let code: unknown = 'DECODE_FAILED'
          try {
            decodeWith(codec, payload)
          } catch (error) {
            code = (error as { code: unknown }).code
          }
          expect(code).toBe('DECODE_FAILED')
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['msgpack', msgpack(), '81a95f5f70726f746f5f5f81a361646dc3'],
    ['json', json(), Buffer.from('{"__proto__":{"adm":true}}').toString('hex')],
    ['json, deep inside', json(), Buffer.from('[{"a":[{"__proto__":1}]}]').toString('hex')],
    ['json, by escapes', json(), Buffer.from('{"\\u005f_pr\\u006Fto__":{"adm":true}}').toString('hex')],
  ] as const)('a key __proto__ is DECODE_FAILED: %s', (_name, codec, hex) => {
    expect(() => decodeWith(codec, new Uint8Array(Buffer.from(hex, 'hex')))).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED' }),
    )
    expect(({} as { adm?: unknown }).adm).toBeUndefined()
  })

  test.each([
    ['msgpack', msgpack()],
    ['json', json()],
  ] as const)('keys with a meaning to JavaScript are keys and nothing else: %s', (_name, codec) => {
    const value = JSON.parse('{"constructor":{"prototype":{"adm":true}},"then":1,"toJSON":2,"x":"__proto__"}') as object
    const arrived = round<unknown>(codec, value) as object
    expect(Object.entries(arrived)).toEqual(Object.entries(value))
    expect([Object.getPrototypeOf(arrived), ({} as { adm?: unknown }).adm]).toEqual([Object.prototype, undefined])
  })
})

/** A value inside so many arrays. */
const nested = (levels: number): unknown => {
  let value: unknown = 7
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value }
  return value
}
/** The same in bytes, of any depth, the last value of each level or one before it. */
const nestedHex = {
  msgpack: (levels: number, isLast: boolean) =>
    `${(isLast ? '91' : '92').repeat(levels)}07${isLast ? '' : '07'.repeat(levels)}`,
  json: (levels: number, isLast: boolean) =>
    Buffer.from(`${'[ '.repeat(levels)}7${(isLast ? ']' : ',7]').repeat(levels)}`).toString('hex'),
}
const failing = (code: string, cause: string): unknown =>
  expect.objectContaining({ code, cause: expect.objectContaining({ message: cause }) as unknown })

describe.each([
  ['msgpack', msgpack],
  ['json', json],
] as const)('P7: limits of %s', (name, codecOf) => {
  const decodeHex = (codec: Codec<unknown>, hex: string): unknown =>
    decodeWith(codec, new Uint8Array(Buffer.from(hex, 'hex')))

  test.each([0, 1, 63, 64])('%i levels are taken, both ways', (levels) => {
    expect(round(codecOf(), nested(levels))).toEqual(nested(levels))
    for (const isLast of [true, false]) decodeHex(codecOf(), nestedHex[name](levels, isLast))
  })

  test.each([65, 66, 1_000, 100_000])('%i levels are not', (levels) => {
    for (const isLast of [true, false])
      expect(() => decodeHex(codecOf(), nestedHex[name](levels, isLast))).toThrow(
        failing('DECODE_FAILED', 'Expected at most 64 levels of arrays and objects (maxDepth)'),
      )
  })

  test('65 levels are not encoded either', () => {
    expect(() => encodeWithin(codecOf(), nested(65), 1e6)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
  })

  test('brackets in texts and empty levels are no levels', () => {
    const value = [
      '['.repeat(100),
      `"${'['.repeat(100)}`,
      '\\',
      nested(62),
      Array.from({ length: 100 }, () => [[], {}]),
    ]
    expect(round(codecOf(), value)).toEqual(value)
  })

  test.each([99_999, 100_000])('%i values and keys are taken, both ways', (count) => {
    const value = Array.from({ length: count }, () => 1)
    expect(round(codecOf(), value)).toEqual(value)
    const half = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, 1]))
    expect(round(codecOf(), half)).toEqual(half)
  })

  test('100,001 are not', () => {
    const cause = 'Expected at most 100000 values and keys (maxNodes)'
    for (const value of [
      Array.from({ length: 100_001 }, () => 1),
      Array.from({ length: 50_000 }, () => [[]]).concat([[[]]]),
      [Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, 1]))],
    ]) {
      expect(() => encodeWithin(codecOf(), value, 1e7)).toThrow(failing('ENCODE_FAILED', cause))
      const payload = codecOf({ maxNodes: 1e6 }).encode(value)
      expect(() => decodeWith(codecOf(), payload)).toThrow(failing('DECODE_FAILED', cause))
    }
  })

  test.each([
    [{ maxDepth: 1 }, [1], [[1]]],
    [{ maxNodes: 1 }, [1], [1, 1]],
    [{ maxDepth: 1_000 }, nested(1_000), nested(1_001)],
  ])('%j takes the first of two values, not the second', (limits, taken, refused) => {
    const codec = codecOf(limits)
    expect(round(codec, taken)).toEqual(taken)
    expect(() => encodeWithin(codec, refused, 1e6)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
    const payload = name === 'json' ? Buffer.from(JSON.stringify(refused)) : encode(refused, { maxDepth: 2_000 })
    expect(() => decodeWith(codec, payload)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  test.each([{ maxDepth: 0 }, { maxDepth: 1_001 }, { maxDepth: 1.5 }, { maxNodes: 0 }])(
    '%j is a RangeError',
    (limits) => {
      expect(() => codecOf(limits)).toThrow(RangeError)
    },
  )
})

describe('P11: what cannot be sent fails here, and says that nothing was sent', () => {
  test('ENCODE_FAILED for what a codec refuses, or for what gives no bytes', () => {
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    const noBytes = { name: 'no-bytes', encode: () => 'text' as unknown as Uint8Array, decode: () => null }
    for (const [codec, value] of [
      [msgpack(), cyclic],
      [msgpack(), () => 1],
      [json(), 1n],
      [noBytes, 1],
    ] as [Codec<unknown>, unknown][]) {
      expect(() => encodeWithin(codec, value, 100)).toThrow(
        expect.objectContaining({ code: 'ENCODE_FAILED', delivered: 'no' }),
      )
    }
  })

  test('ITEM_TOO_LARGE names limit and value', () => {
    expect(() => encodeWithin(text(), 'ääää', 7)).toThrow(
      expect.objectContaining({
        code: 'ITEM_TOO_LARGE',
        value: 8,
        limit: 'maxItemBytes',
        message: 'Expected an item of at most 7 bytes (maxItemBytes), got 8',
      }),
    )
    expect(encodeWithin(text(), 'äää', 6).byteLength).toBe(6)
  })
})

describe('what may describe a value', () => {
  test('a Standard Schema checks both ways and travels as msgpack; zod, whose schemas have encode and decode, too', () => {
    const codec = codecFrom('item', z.object({ size: z.number().int() }))
    expect(codec.name).toBe('msgpack')
    expect(round(codec, { size: 3 })).toEqual({ size: 3 })
    expect(() => encodeWithin(codec, { size: 1.5 }, 100)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
    const wrong = encodeWithin(msgpack(), { size: 'big' }, 100)
    expect(() => decodeWith(codec, wrong)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  test('a schema that is a function, as those of arktype are, is one as well', () => {
    const schema = Object.assign(() => {}, {
      '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value: `${String(value)}!` }) },
    } as const)
    expect(round(codecFrom<string>('item', schema as never), 'x')).toBe('x!!')
  })

  test('a schema that answers with a promise is refused', () => {
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: async (value: unknown) => ({ value }) },
    } as const
    expect(() => encodeWithin(codecFrom('item', schema), 1, 100)).toThrow(
      failing('ENCODE_FAILED', 'Expected the schema to validate synchronously, got a promise'),
    )
  })

  test('a schema that throws has refused the value, and its error is not lost', () => {
    const error = new Error('mine')
    const validate = (): never => {
      throw error
    }
    const codec = codecFrom('item', { '~standard': { version: 1, vendor: 'test', validate } })
    const refusal = expect.objectContaining({ message: 'mine', cause: error })
    expect(() => encodeWithin(codec, 1, 100)).toThrow(
      expect.objectContaining({ message: 'The schema does not take the item: mine', cause: refusal }),
    )
    expect(() => decodeWith(codec, msgpack().encode(1))).toThrow(
      expect.objectContaining({ message: 'The schema does not take the item that the peer sent', cause: refusal }),
    )
  })

  test('whoever refuses an item is named: the schema, or the codec', () => {
    const codec = codecFrom('item', z.object({ size: z.number() }))
    const refused = 'The schema does not take the item: size: Invalid input: expected number, received string'
    expect(() => encodeWithin(codec, { size: 'big' } as never, 100)).toThrow(refused)
    expect(() => encodeWithin(json(), 1n, 100)).toThrow('The codec json does not take the item: ')
  })

  test.each([
    [{}],
    [{ name: 'x', encode: text().encode }],
    [{ ...text(), name: '' }],
    [{ ...text(), name: 'a b' }],
    [{ ...text(), name: 'x'.repeat(129) }],
  ])('%j is neither: TypeError that names the option', (shape) => {
    expect(() => codecFrom('result', shape as never)).toThrow(TypeError)
    expect(() => codecFrom('result', shape as never)).toThrow('Expected `result`')
  })
})
