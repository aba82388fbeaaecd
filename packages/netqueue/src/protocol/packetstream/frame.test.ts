import * as fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, test } from 'vitest'
import { vectors } from '../../../test/support/packetstream-vectors.ts'
import type { Vector } from '../../../test/support/packetstream-vectors.ts'
import { END, END_OF_REQUESTS, layout, MAX_FLAGS, readPackets, requestPacket, responsePacket } from './frame.ts'
import type { Packet } from './frame.ts'

const { packets } = vectors

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const read = (bytes: Uint8Array): Packet[] => [...readPackets(bytes)]

function hexOf(vector: Omit<Vector, 'name'>): string {
  const payload = text(vector.payload ?? '')
  const { tag, channel = 0, flags = 0, type = 0, isOk = true } = vector
  if (vector.kind === 'request') return hex(requestPacket({ tag, channel, flags, type: type + 1, payload }).slice())
  return hex(responsePacket({ tag, channel, flags, isOk, payload }).slice())
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test.each(packets.map(({ name, ...vector }) => [name, vector] as const))('%s, both ways', (_, vector) => {
  const { hex: bytes, payload = '', type, ...numbers } = vector
  const onWire = type === undefined ? {} : { type: type + 1 }
  expect(hexOf(vector)).toBe(bytes)
  expect(read(bytesOf(bytes))).toEqual([{ channel: 0, flags: 0, ...numbers, ...onWire, payload: text(payload) }])
})

test('both ends, both ways', () => {
  expect([hex(END_OF_REQUESTS), hex(END)]).toEqual([vectors.endOfRequests, vectors.end])
  expect(read(bytesOf(vectors.endOfRequests + vectors.end))).toEqual([{ kind: 'endOfRequests' }, { kind: 'end' }])
})

const number = fc.maxSafeNat()
const flags = fc.nat(MAX_FLAGS)
const asked = fc.record({ tag: number, channel: number, flags, type: fc.integer({ min: 1 }), payload: fc.uint8Array() })
const answered = fc.record({ tag: number, channel: number, flags, isOk: fc.boolean(), payload: fc.uint8Array() })

test('any request and any response is read as it was written', () => {
  fc.assert(
    fc.property(asked, answered, (request, response) => {
      const stream = [...requestPacket(request).slice(), ...responsePacket(response).slice()]
      expect(read(Uint8Array.from(stream))).toEqual([
        { kind: 'request', ...request },
        { kind: 'response', ...response },
      ])
    }),
  )
})

test('a long payload stays where it is', () => {
  const packet = requestPacket({ tag: 2, channel: 0, flags: 0, type: 1, payload: new Uint8Array(5_000) })
  expect(packet).toBeInstanceOf(Uint8ArrayList)
  expect(read(packet.slice())).toMatchObject([{ kind: 'request', tag: 2 }])
})

describe('P7: what is no packet is BAD_MESSAGE', () => {
  test.each([
    ['a length that runs past the end', '0502', 'a packet that is shorter than it says'],
    ['a packet without numbers', '00', 'a packet that ends inside a number'],
    ['a packet of one number', '0102', 'a packet that ends inside a number'],
    ['a request without a type', '020202', 'a packet that ends inside a number'],
    ['an end with flags', '03000600', 'a malformed end of the stream'],
    ['an end in a channel', '0400030100', 'a malformed end of the stream'],
    ['an end with a payload', '0400020061', 'a malformed end of the stream'],
    ['an end with a tag that is none', '03020200', 'a malformed end of the stream'],
  ])('%s', (_, bytes, what) => {
    expect(() => read(bytesOf(bytes))).toThrow(
      expect.objectContaining({ code: 'BAD_MESSAGE', message: `The peer sent ${what}` }) as Error,
    )
  })
})

test('a length is known when its last digit is there', () => {
  expect(layout.measure(bytesOf('81'), 0)).toBeUndefined()
  expect(layout.measure(bytesOf('ff8100'), 1)).toBe(130)
  expect(() => layout.measure(bytesOf('80'.repeat(16)), 0)).toThrow('a number of more than 16 digits')
})
