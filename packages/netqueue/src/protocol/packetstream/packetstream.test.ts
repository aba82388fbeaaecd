import { describe, expect, test } from 'vitest'
import { vectors as known } from '../../../test/support/packetstream-vectors.ts'
import { testProtocol } from '../../conformance/index.ts'
import type { ProtocolVector } from '../../conformance/index.ts'
import { bytes, json, msgpack, text } from '../../message/codec.ts'
import type { Codec } from '../../message/codec.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import type { Messages } from '../../message/messages.ts'
import { ownMessages } from '../../message/registry.ts'
import { limitsFrom } from '../../options/limits.ts'
import type { Introduction } from '../handshake.ts'
import type { Protocol } from '../protocol.ts'
import { packetstream } from './packetstream.ts'

const messages = defineMessages({
  say: { payload: type<string>(), codec: text() },
  ask: { payload: type<string>(), reply: type<string>(), codec: text() },
})

const ENDS = known.endOfRequests + known.end
const vectors: readonly ProtocolVector[] = [
  { name: 'both ends', to: 'server', hex: ENDS, hears: ['endRequests', 'disconnect'] },
  { name: 'the end alone', to: 'client', hex: known.end, hears: ['endRequests', 'disconnect'] },
  { name: 'the end of requests, twice', to: 'server', hex: known.endOfRequests.repeat(2), hears: ['endRequests'] },
  { name: 'a request with flags', to: 'server', hex: '09028256127265712d30', hears: ['request'] },
  {
    name: 'two of them and a message',
    to: 'client',
    hex: '030202120303021203040211',
    hears: ['request', 'request', 'message'],
  },
  { name: 'a request with zeros in front of its numbers', to: 'server', hex: '8006800280028012', hears: ['request'] },
  {
    name: 'a request behind the end of requests',
    to: 'server',
    hex: `${known.endOfRequests}03020212`,
    hears: ['endRequests'],
  },
  {
    name: 'the end before the answer',
    to: 'server',
    hex: `03020212${known.end}`,
    hears: ['request', 'endRequests', 'endReplies'],
  },
  { name: 'a request of a type that nobody has', to: 'server', hex: '03020263' },
  { name: 'a length of nothing', to: 'server', hex: '00', code: 'FRAME_TOO_SHORT' },
  { name: 'a length beyond the limit', to: 'client', hex: 'ffffff7f', code: 'FRAME_TOO_LARGE' },
  { name: 'a length beyond all numbers', to: 'client', hex: `${'ff'.repeat(15)}7f`, code: 'FRAME_TOO_LARGE' },
  { name: 'a length without an end', to: 'server', hex: '80'.repeat(16), code: 'BAD_MESSAGE' },
  { name: 'a response that nobody waits for', to: 'client', hex: '020204', code: 'BAD_MESSAGE' },
  { name: 'an end in a channel', to: 'server', hex: '0400030100', code: 'BAD_MESSAGE' },
  { name: 'half a packet', to: 'server', hex: '0902825612', code: 'FRAME_TRUNCATED' },
]

testProtocol(
  { name: 'packetstream', create: packetstream, messages, headers: { flags: '5' }, vectors },
  { describe, test },
)

/** As `connect` and `listen` do. */
function check(protocol: Protocol, some: Messages): void {
  const introduction = (): Introduction => ({
    id: '',
    item: 'msgpack',
    result: 'msgpack',
    tags: [],
    status: undefined,
    nonce: new Uint8Array(16),
    messages: ownMessages({ messages: some }),
  })
  protocol.check?.({ role: 'client', introduction, limits: limitsFrom() })
}

const withCodec = (codec: Codec<unknown>): Messages => defineMessages({ ask: { payload: type<unknown>(), codec } })

test('messages need a codec whose bytes an original could have: any but msgpack()', () => {
  for (const codec of [bytes(), text(), json()]) expect(() => check(packetstream(), withCodec(codec))).not.toThrow()
  expect(() => check(packetstream(), withCodec(msgpack()))).toThrow(
    'Expected "ask" to have a codec for packetstream, as bytes() or text(), got `msgpack`',
  )
})

test('types of requests are integers, of messages that are there, and no two the same', () => {
  expect(() => packetstream({ types: { ask: -1 } })).toThrow(RangeError)
  expect(() => packetstream({ types: { ask: 1.5 } })).toThrow(RangeError)
  expect(() => check(packetstream({ types: { nobody: 1 } }), messages)).toThrow(TypeError)
  expect(() => check(packetstream({ types: { ask: 0, say: 0 } }), messages)).toThrow(RangeError)
  expect(() => check(packetstream({ types: { ask: 16 } }), messages)).toThrow(
    'Expected types that differ (`types`, or the ids of `messages`), got 16 for "say" and "ask"',
  )
  expect(() => check(packetstream({ types: { ask: 0 } }), messages)).not.toThrow()
})
