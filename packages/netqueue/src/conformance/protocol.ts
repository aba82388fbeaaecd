import { NetQueueError } from '../errors/errors.ts'
import type { Message, Protocol, Role } from '../protocol/protocol.ts'
import { Chance } from '../testing/chance.ts'
import { pattern } from './bytes.ts'
import { check, coded, rejection, same } from './checks.ts'
import { changed, garbage } from './garbage.ts'
import { FEATURES, SAYINGS } from './sayings.ts'
import { register } from './suite.ts'
import type { Cases, SuiteOptions, TestFunctions } from './suite.ts'
import { framesOf, readFrames, Side, streamOf, talkOf } from './talk.ts'
import type { Framer, Heard, Talk } from './talk.ts'

/** What one side says from the first byte of a stream on, and what the other makes of it. */
export interface ProtocolVector {
  name: string
  /** Who reads it. */
  to: Role
  /** The bytes, in hexadecimal. */
  hex: string
  /** The types of the messages behind the introduction. @default none */
  hears?: readonly Message['type'][]
  /** The code of the error that it ends with. @default it is all well */
  code?: string
}

export interface ProtocolSuite extends SuiteOptions {
  /** The protocol; called for each side of each test. */
  create: () => Protocol
  /** Items that it carries: texts. @default short ones, empty, beyond ASCII, and one of 60,000 bytes */
  items?: readonly string[]
  /** @default none */
  vectors?: readonly ProtocolVector[]
}

/** Whether a protocol keeps the contract of `Protocol`: both sides understand each other, and nothing that a peer sends does harm. */
export function testProtocol(suite: ProtocolSuite, functions: TestFunctions): void {
  const bound = Object.entries(tests).map(([title, run]) => [title, async () => run(suite)] as const)
  const vectors = (suite.vectors ?? []).map(
    (vector) => [`vector: ${vector.name}`, () => checkVector(suite, vector)] as const,
  )
  const cases: Cases = Object.fromEntries([...bound, ...vectors])
  register(suite, cases, functions)
}

const ROLES: readonly Role[] = ['client', 'server']
const ITEMS = ['', 'a', 'naïve ☃', 'b'.repeat(60_000)]
const otherThan = (role: Role): Role => (role === 'client' ? 'server' : 'client')

const tests: Record<string, (suite: ProtocolSuite) => Promise<void> | void> = {
  'has a name, and says of each feature whether it has it': ({ create }) => {
    const { name, supports } = create()
    check(typeof name === 'string' && name !== '', `a name, got ${JSON.stringify(name)}`)
    same(Object.keys(supports).toSorted(), [...FEATURES].toSorted(), 'the features')
    for (const feature of FEATURES) same(typeof supports[feature], 'boolean', `the type of \`supports.${feature}\``)
  },

  'both sides get to know each other, and what the other can carry': ({ create }) => {
    const { name, supports } = create()
    for (const side of sides(introduced(create))) {
      same(side.wire?.peer.protocol, name, 'the protocol of the peer')
      same(sorted(side.wire?.peer.supports), sorted(supports), 'what the peer supports')
    }
  },

  'items arrive as they were sent, in order, in both directions': ({ create, items = ITEMS }) => {
    for (const role of ROLES) {
      const talk = introduced(create)
      items.forEach((item, index) => sayItem(talk, role, item, index + 1))
      const heard = itemsOf(talk[otherThan(role)].heard)
      same(heard.length, items.length, `the number of items from a ${role}`)
      items.forEach((item, index) =>
        check(heard[index] === item, `item ${index + 1} of a ${role} to arrive as it was sent`),
      )
    }
  },

  'what a feature says arrives where it is supported, and is left unsaid where it is not': ({ create }) => {
    const { supports } = create()
    for (const feature of FEATURES)
      for (const role of ROLES)
        for (const [say, hears] of SAYINGS[feature]) {
          const talk = introduced(create)
          const listener = talk[otherThan(role)]
          listener.heard.length = 0
          talk.say(role, say)
          same(listener.heard.map(sorted), supports[feature] ? [sorted(hears)] : [], `what is heard of ${hears.type}`)
        }
  },

  'without credit on the wire, whoever has flushed may send one more, and flushed is settled': ({
    create,
    items = ITEMS,
  }) => {
    const { supports } = create()
    for (const role of ROLES) {
      const talk = introduced(create)
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

  'nothing to say makes no frame': ({ create }) => {
    for (const { wire } of sides(introduced(create)))
      same(wire?.encode(() => {})?.length, undefined, 'the length of a frame without content')
  },

  'a stream is read alike, however it is cut: at every byte, and into single bytes': async ({ create }) => {
    for (const role of ROLES) {
      const talk = introduced(create)
      sayItem(talk, role, 'one', 1)
      sayItem(talk, role, 'two', 2)
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

  'a frame above the limit is FRAME_TOO_LARGE before half of it has come': async ({ create }) => {
    const protocol = create()
    const limit = { name: 'maxFrameBytes', bytes: 1_000 }
    const stream = await streamOf({ protocol, frameLimit: () => ({ ...limit, bytes: 10_000 }) }, [pattern(2_002)])
    const half = [stream.subarray(0, 1_000)]
    const reading = readFrames({ protocol, frameLimit: () => limit }, half, { ends: false, take: () => {} })
    const error = await rejection(reading, 'reading it')
    coded(error, 'FRAME_TOO_LARGE', 'reading it')
    same((error as NetQueueError).limit, limit.name, 'the limit that the error names')
  },

  'a stream that ends inside a frame is FRAME_TRUNCATED, wherever': async ({ create }) => {
    const side = introduced(create).client
    const stream = await streamOf(framer(side), [pattern(40)])
    for (let at = 1; at < stream.length; at += 1) {
      const error = await rejection(framesOf(framer(side), [stream.subarray(0, at)]), `a stream of ${at} bytes`)
      coded(error, 'FRAME_TRUNCATED', `a stream that ends at byte ${at} of ${stream.length}`)
    }
  },

  'an item above `maxItemBytes` of its receiver is ITEM_TOO_LARGE, one of just so many is not': ({ create }) => {
    for (const role of ROLES) {
      const limits = { [otherThan(role)]: { maxItemBytes: 1_000 } }
      sayItem(talkOf(create, limits), role, 'x'.repeat(1_000), 1)
      coded(
        thrown(() => sayItem(talkOf(create, limits), role, 'x'.repeat(1_001), 1)),
        'ITEM_TOO_LARGE',
        `an item of 1,001 bytes from a ${role}`,
      )
    }
  },

  'a goodbye and an error are understood': ({ create }) => {
    for (const role of ROLES)
      for (const word of ['disconnect', 'error'] as const) {
        const talk = introduced(create)
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

  'frames that a session counts are told from others, and how many were taken is understood': ({ create }) => {
    for (const role of ROLES) {
      const talk = introduced(create)
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

  'whatever a peer sends, in an introduction or behind it, is understood or a coded error': ({ create }) => {
    const chance = new Chance(1)
    for (let round = 0; round < ROUNDS; round += 1)
      for (const role of ROLES) {
        takesAnything(new Side({ role, protocol: create() }), [garbage(chance), garbage(chance)])
        const talk = introduced(create)
        sayItem(talk, otherThan(role), 'item', 1)
        takesAnything(talk[role], [changed(talk.sent[otherThan(role)].at(-1) as Uint8Array, chance), garbage(chance)])
      }
  },
}

/** Garbled frames for each side, at each stage. */
const ROUNDS = 500

function takesAnything(side: Side, frames: readonly Uint8Array[]): void {
  for (const frame of frames) {
    const error = thrown(() => side.take(frame))
    if (error === undefined && side.end === undefined) continue
    const isOurs = error === undefined || error instanceof NetQueueError
    check(isOurs, `a coded error for the frame ${[...frame].join(' ')}, got ${String(error)}`)
    return
  }
}

async function checkVector({ create }: ProtocolSuite, { to, hex, hears = [], code }: ProtocolVector): Promise<void> {
  const stream = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  for (const chunks of [[stream], Array.from(stream, (byte) => Uint8Array.of(byte))]) {
    const side = new Side({ role: to, protocol: create() })
    const reading = readFrames(framer(side), chunks, { take: (frame) => side.take(frame) })
    if (code === undefined) await reading
    else coded(await rejection(reading, 'reading it'), code, 'reading it')
    same(
      side.heard.map(({ type }) => type),
      hears,
      'what is heard',
    )
  }
}

/** Both sides, when they know each other. */
function introduced(create: () => Protocol): Talk {
  const talk = talkOf(create)
  for (const role of ROLES) check(talk[role].wire !== undefined, `the ${role} to know its peer after the introduction`)
  for (const side of sides(talk)) side.heard.length = 0
  return talk
}

const sides = ({ client, server }: Talk): Side[] => [client, server]
const framer = (side: Side): Framer => ({ protocol: side.protocol, frameLimit: () => side.frameLimit() })
const lengths = (chunks: readonly Uint8Array[]): string =>
  chunks.length > 2 ? '1 byte' : chunks.map(({ length }) => length).join(' and ')

function sayItem(talk: Talk, from: Role, item: string, seq: number): void {
  const payload = talk[from].wire?.carry(item, new TextEncoder().encode(item))
  check(payload !== undefined, `an item of ${item.length} characters to be carried (items)`)
  talk.say(from, (writer) => writer.item(seq, payload, 1, false))
}

function itemsOf(heard: readonly Heard[]): string[] {
  const decoder = new TextDecoder()
  return heard
    .filter(({ type }) => type === 'items')
    .flatMap(({ payloads }) => (payloads as Uint8Array[]).map((payload) => decoder.decode(payload)))
}

function thrown(call: () => void): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

/** An object whose keys have an order, so that JSON compares it. */
function sorted(value: object = {}): [string, unknown][] {
  return Object.entries(value).toSorted(([a], [b]) => a.localeCompare(b))
}
