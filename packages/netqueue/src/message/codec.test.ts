import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bytes, codecFrom, decodeWith, encodeWithin, json, msgpack, text } from './codec.ts'
import type { Codec } from './codec.ts'

const round = <T>(codec: Codec<T>, value: T): T => decodeWith(codec, encodeWithin(codec, value, 1_048_576))

describe('codecs give back what they took', () => {
  const tree = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown) // without -0

  test('msgpack: anything that JSON carries, bytes and dates', () => {
    fc.assert(
      fc.property(tree, (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'))
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

  test('100,000 levels of arrays are DECODE_FAILED, not a stack that overflows', () => {
    const deep = new Uint8Array(100_001).fill(0x91)
    deep[100_000] = 0xc0
    const depth = (): unknown => {
      try {
        decodeWith(msgpack(), deep)
        return 'value'
      } catch (error) {
        return (error as { code: unknown }).code
      }
    }
    expect(['value', 'DECODE_FAILED']).toContain(depth())
    expect(() => decodeWith(json(), new Uint8Array(Buffer.from('['.repeat(1_000_000))))).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED' }),
    )
  })

  test('__proto__ in an item changes no prototype', () => {
    const payload = new Uint8Array(Buffer.from('81a95f5f70726f746f5f5f81a361646dc3', 'hex'))
    expect(() => decodeWith(msgpack(), payload)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
    const value = decodeWith(json<Record<string, unknown>>(), new Uint8Array(Buffer.from('{"__proto__":{"adm":true}}')))
    expect([({} as { adm?: unknown }).adm, value['adm']]).toEqual([undefined, undefined])
  })
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
      expect.objectContaining({ code: 'ENCODE_FAILED' }),
    )
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
