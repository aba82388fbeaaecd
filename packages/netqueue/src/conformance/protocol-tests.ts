import { NetQueueError } from '../errors/errors.ts'
import type { Guard } from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { Chance } from '../testing/chance.ts'
import { pattern } from './bytes.ts'
import { check, coded, rejection, same } from './checks.ts'
import { changed, garbage } from './garbage.ts'
import { FEATURES } from './phrases.ts'
import type { ProtocolSuite } from './protocol.ts'
import { itemsOf, otherThan, ROLES, sayItem, sides, sorted, Speech, thrown } from './speech.ts'
import { framer, framesOf, readFrames, streamOf } from './talk.ts'
import type { Side } from './talk.ts'

const ITEMS = ['', 'a', 'naïve ☃', 'b'.repeat(60_000)]
const TEXTS = ['', 'a', 'naïve ☃', 'b'.repeat(900)]
/** Garbled frames for each side, at each stage. */
const ROUNDS = 500

/** Lets in nobody. */
const CLOSED: Guard = {
  tokens: [],
  identity: undefined,
  isOptional: false,
  identify: async () => undefined,
  failed: async () => {},
  close: () => {},
}

/** Titles of the tests of what a protocol says it lacks, each with the reason. */
export function lacking({ supports, isUnframed = false, authenticates = false }: Protocol): Record<string, string> {
  const reasons: Record<string, string> = {}
  const skip = (title: string, reason: string): void => void (reasons[title] = reason)
  if (!supports.items) {
    skip('items arrive as they were sent, in order, in both directions', 'it carries no items')
    skip(
      'without credit on the wire, whoever has flushed may send one more, and flushed is settled',
      'it carries no items',
    )
  }
  if (!supports.message && !supports.request)
    skip('messages and requests arrive as they were sent, in order, in both directions', 'it carries neither')
  if (isUnframed) {
    skip('a stream is read alike, however it is cut: at every byte, and into single bytes', 'one read is one message')
    skip('a stream that ends inside a frame is FRAME_TRUNCATED, wherever', 'one read is one message')
  }
  if (authenticates) skip('a server that wants to know who comes lets in nobody who cannot show it', 'its clients can')
  return reasons
}

type Test = (suite: ProtocolSuite) => Promise<void> | void

/** By their titles; each throws where it fails. */
export const tests: Readonly<Record<string, Test>> = {
  'has a name, and says of each feature whether it has it': ({ create }) => {
    const { name, supports } = create()
    check(typeof name === 'string' && name !== '', `a name, got ${JSON.stringify(name)}`)
    same(Object.keys(supports).toSorted(), [...FEATURES].toSorted(), 'the features')
    for (const feature of FEATURES) same(typeof supports[feature], 'boolean', `the type of \`supports.${feature}\``)
  },

  'both sides get to know each other, and what the other can carry': (suite) => {
    const { name, supports } = suite.create()
    for (const side of sides(new Speech(suite).introduced())) {
      same(side.wire?.peer.protocol, name, 'the protocol of the peer')
      same(sorted(side.wire?.peer.supports), sorted(supports), 'what the peer supports')
    }
  },

  'items arrive as they were sent, in order, in both directions': (suite) => {
    const { items = ITEMS } = suite
    for (const role of ROLES) {
      const talk = new Speech(suite).introduced()
      items.forEach((item, index) => sayItem(talk, role, item, index + 1))
      const heard = itemsOf(talk[otherThan(role)].heard)
      same(heard.length, items.length, `the number of items from a ${role}`)
      items.forEach((item, index) =>
        check(heard[index] === item, `item ${index + 1} of a ${role} to arrive as it was sent`),
      )
    }
  },

  'messages and requests arrive as they were sent, in order, in both directions': (suite) => {
    const speech = new Speech(suite)
    for (const kind of speech.phrases.kinds)
      for (const role of ROLES) {
        if (kind === 'items') continue
        const talk = speech.introduced()
        TEXTS.forEach((value, index) => speech.say(talk, role, { kind, value, number: index + 1 }))
        const heard = talk[otherThan(role)].heard.map(({ payload }) => payload)
        same(
          heard,
          TEXTS.map((value) => speech.phrases.payload(kind, value)),
          `the payloads of a ${role} (${kind})`,
        )
      }
  },

  'what a feature says arrives where it is supported, and is left unsaid where it is not': (suite) => {
    const { supports } = suite.create()
    const speech = new Speech(suite)
    for (const feature of FEATURES)
      for (const role of ROLES)
        for (const sayings of supports[feature] ? speech.phrases.of(feature) : speech.phrases.lacking(feature)) {
          const talk = speech.introduced()
          for (const saying of sayings) speech.checkHeard(talk, role, saying, supports[feature])
        }
  },

  'without credit on the wire, whoever has flushed may send one more, and flushed is settled': (suite) => {
    const { create, items = ITEMS } = suite
    const { supports } = create()
    for (const role of ROLES) {
      const talk = new Speech(suite).introduced()
      const { wire } = talk[role]
      const told = (): string[] => {
        const types: string[] = []
        wire?.flushed?.((message) => types.push(message.type))
        return types.toSorted()
      }
      if (supports.credit) {
        same(told(), [], 'what flushing tells')
        continue
      }
      same(told(), ['credit'], 'what flushing tells at first')
      sayItem(talk, role, items[0] as string, 1)
      same(told(), supports.settle ? ['credit'] : ['credit', 'settle'], 'what flushing tells behind an item')
      same(told(), [], 'what flushing tells when nothing was sent')
    }
  },

  'nothing to say makes no frame': (suite) => {
    for (const { wire } of sides(new Speech(suite).introduced()))
      same(wire?.encode(() => {})?.length, undefined, 'the length of a frame without content')
  },

  'a stream is read alike, however it is cut: at every byte, and into single bytes': async (suite) => {
    const speech = new Speech(suite)
    for (const role of ROLES) {
      const talk = speech.introduced()
      for (const kind of speech.phrases.kinds)
        for (const number of [1, 2]) speech.say(talk, role, { kind, value: `number ${number}`, number })
      const frames = talk.sent[role]
      const stream = await streamOf(framer(talk[role]), frames)
      const cuts = Array.from({ length: stream.length + 1 }, (_, at) => [stream.subarray(0, at), stream.subarray(at)])
      for (const chunks of [...cuts, Array.from(stream, (byte) => Uint8Array.of(byte))])
        for (const by of ['each', 'loop'] as const)
          same(
            await framesOf(framer(talk[role]), chunks, by),
            frames,
            `the frames of a stream in chunks of ${lengths(chunks)} (${by})`,
          )
    }
  },

  'a frame above the limit is FRAME_TOO_LARGE before half of it has come': async (suite) => {
    const { side, frame } = new Speech(suite).spoken('a'.repeat(900))
    const { protocol } = side
    const limit = { name: 'maxFrameBytes', bytes: 400 }
    const stream = await streamOf(framer(side), [frame])
    const half = protocol.isUnframed === true ? stream : stream.subarray(0, stream.length / 2)
    const reading = readFrames({ protocol, frameLimit: () => limit }, [half], { ends: false, take: () => {} })
    const error = await rejection(reading, 'reading it')
    coded(error, 'FRAME_TOO_LARGE', 'reading it')
    same((error as NetQueueError).limit, limit.name, 'the limit that the error names')
  },

  'a stream that ends inside a frame is FRAME_TRUNCATED, wherever': async (suite) => {
    const { side, frame } = new Speech(suite).spoken('a'.repeat(40))
    const stream = await streamOf(framer(side), [frame])
    for (let at = 1; at < stream.length; at += 1) {
      const error = await rejection(framesOf(framer(side), [stream.subarray(0, at)]), `a stream of ${at} bytes`)
      coded(error, 'FRAME_TRUNCATED', `a stream that ends at byte ${at} of ${stream.length}`)
    }
  },

  'what is above `maxItemBytes` of its receiver is ITEM_TOO_LARGE, what is just so long is not': (suite) => {
    const speech = new Speech(suite)
    for (const kind of speech.phrases.kinds)
      for (const role of ROLES) {
        const value = 'x'.repeat(500)
        const { length } = kind === 'items' ? value : speech.phrases.payload(kind, value)
        const say = (text: string): void => {
          const talk = speech.introduced({ [otherThan(role)]: { maxItemBytes: length } })
          speech.say(talk, role, { kind, value: text, number: 1 })
        }
        say(value)
        coded(
          thrown(() => say(`${value}x`)),
          'ITEM_TOO_LARGE',
          `${length + 1} bytes from a ${role} (${kind})`,
        )
      }
  },

  'a server that wants to know who comes lets in nobody who cannot show it': (suite) => {
    const speech = new Speech(suite)
    const frames = speech.side({ role: 'client' }).frames()
    const come = (): void => {
      const server = speech.side({ role: 'server', guard: CLOSED })
      for (const frame of frames) server.take(frame)
    }
    coded(thrown(come), 'AUTH_REQUIRED', 'the introduction of a client')
  },

  'a goodbye and an error are understood': (suite) => {
    for (const role of ROLES)
      for (const word of ['disconnect', 'error'] as const) {
        const talk = new Speech(suite).introduced()
        const { wire } = talk[role]
        const frame = word === 'error' ? wire?.error({ code: 'BAD_MESSAGE' }) : wire?.disconnect()
        if (frame === undefined) continue
        const listener = talk[otherThan(role)]
        listener.take(frame)
        const last = listener.heard.at(-1)
        const isUnderstood = last?.type === 'disconnect' || (word === 'error' && last?.['code'] === 'BAD_MESSAGE')
        check(isUnderstood, `a ${role}'s ${word} to be understood, got ${JSON.stringify(last)}`)
      }
  },

  'frames that a session counts are told from others, and how many were taken is understood': (suite) => {
    for (const role of ROLES) {
      const talk = new Speech(suite).introduced()
      const { wire } = talk[role]
      if (wire?.ack === undefined) continue
      const listener = talk[otherThan(role)]
      const counts = (frame: Uint8Array): boolean | undefined => listener.wire?.decode(frame, () => {})
      listener.take(wire.ack(7))
      same(listener.heard.at(-1), { type: 'ack', batches: 7 }, 'what is heard')
      same(counts(wire.ack(8)), false, 'whether that counts')
      const batch = wire.encode((writer) => writer.item(1, pattern(3), 1, false))
      same(batch && counts(batch.slice()), true, 'whether a batch counts')
    }
  },

  'whatever a peer sends, in an introduction or behind it, is understood or a coded error': (suite) => {
    const chance = new Chance(1)
    const speech = new Speech(suite)
    for (let round = 0; round < ROUNDS; round += 1)
      for (const role of ROLES) {
        takesAnything(speech.side({ role }), [garbage(chance), garbage(chance)])
        const talk = speech.introduced()
        speech.say(talk, otherThan(role), { kind: speech.anyKind, value: 'item', number: 1 })
        takesAnything(talk[role], [changed(talk.sent[otherThan(role)].at(-1) as Uint8Array, chance), garbage(chance)])
      }
  },
}

function takesAnything(side: Side, frames: readonly Uint8Array[]): void {
  for (const frame of frames) {
    const error = thrown(() => side.take(frame))
    if (error === undefined && side.end === undefined) continue
    const isOurs = error === undefined || error instanceof NetQueueError
    check(isOurs, `a coded error for the frame ${[...frame].join(' ')}, got ${String(error)}`)
    return
  }
}

const lengths = (chunks: readonly Uint8Array[]): string =>
  chunks.length > 2 ? '1 byte' : chunks.map(({ length }) => length).join(' and ')
