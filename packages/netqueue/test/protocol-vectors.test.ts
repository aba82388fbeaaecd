import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { framingOf } from '../src/framing/framing.ts'
import { lengthPrefix } from '../src/framing/length-prefix.ts'
import { connect, defineMessages, listen, msgpack, text, type } from '../src/index.ts'
import type { Codec, MessageDefinitions, MessagesOptions, NetQueueError, Server } from '../src/index.ts'
import { denialsOf } from '../src/message/denials.ts'
import type { Action } from '../src/message/denials.ts'
import { headersOf } from '../src/message/headers.ts'
import type { Headers } from '../src/message/headers.ts'
import type { Route } from '../src/message/route.ts'
import { ownMessages } from '../src/message/registry.ts'
import type { Announcement, OwnMessages } from '../src/message/registry.ts'
import { limitsFrom } from '../src/options/limits.ts'
import { newOut } from '../src/protocol/net-queue/batch.ts'
import { ByteReader, ByteWriter } from '../src/protocol/net-queue/bytes.ts'
import { authFrame } from '../src/protocol/net-queue/auth.ts'
import { decodeError, encodeError } from '../src/protocol/net-queue/error-frame.ts'
import { frameData, frameOf, FrameType } from '../src/protocol/net-queue/frame-types.ts'
import { decodeHello, encodeHello } from '../src/protocol/net-queue/hello.ts'
import { RecordReader } from '../src/protocol/net-queue/record-reader.ts'
import { RecordWriter } from '../src/protocol/net-queue/record-writer.ts'
import { isProof, prove, proveToken } from '../src/protocol/net-queue/proof.ts'
import { decodeWelcome, encodeWelcome } from '../src/protocol/net-queue/welcome.ts'
import type { Grant } from '../src/protocol/net-queue/welcome.ts'
import type { Outcome, Writer } from '../src/protocol/message.ts'
import type { ErrorNotice } from '../src/protocol/wire.ts'
import { Token } from '../src/protocol/token.ts'
import { plain } from './support/plain.ts'
import type { Plain } from './support/plain.ts'
import { Clock, rest } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, introduce, RawPeer } from './support/raw-peer.ts'
import { never } from './support/talking.ts'

interface Vector {
  name: string
  hex: string
  code: string
}

/** What one side says of its messages. */
interface Said {
  messages?: Rows
  adapt?: boolean
}

interface Given extends Said {
  limit?: number
  limits?: { maxItemBytes: number }
  /** What the peer says, where that is not the same. */
  peer?: Said
  asked?: ('plain' | 'body')[]
  granted?: { limit: number; byteLimit: number }
  resumeMs?: number
  sent?: number
  wantsResult?: boolean
}

interface Stated extends Vector {
  stage: string
  ends?: boolean
  given?: Given
}

interface Accepted extends Vector {
  given?: Given
  items?: string[]
  stale?: number
  heard?: string[]
  refused?: [tag: number, code: string][]
}

interface FrameVector extends Vector {
  decoded: Record<string, unknown> & { type: string; value?: Record<string, unknown>; records?: RecordFields[] }
  canonical?: boolean
  later?: boolean
}

type RecordFields = Record<string, unknown> & { kind: string }

interface Step {
  from: 'client' | 'server'
  hex: string
  decoded: FrameVector['decoded']
}

interface AuthVectors {
  token: string
  credentials: Record<string, string>
  clientHello: string
  serverHello: string
  clientProof: string
  serverProof: string
  tries: { name: string; wants: 'token' | 'authenticate' | 'nothing'; hex: string; answer?: string; code?: string }[]
  answers: { name: string; hex: string; code?: string }[]
}

interface Vectors {
  varints: {
    valid: { value: number; hex: string }[]
    longer: { value: number; hex: string }[]
    invalid: Vector[]
  }
  auth: AuthVectors
  resume: { secret: string; clientHello: string; serverHello: string; proof: string }
  frames: FrameVector[]
  invalid: Stated[]
  accepted: Accepted[]
  sessions: { name: string; steps: Step[]; client: string; server: string }[]
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/protocol-vectors.json', import.meta.url), 'utf8'),
) as Vectors

const bytesOf = (hex: unknown): Uint8Array => new Uint8Array(Buffer.from(hex as string, 'hex'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const coded = (code: string): unknown => expect.objectContaining({ code })
const framing = (bytes: number = 1_048_576) =>
  framingOf(lengthPrefix(2), { limit: () => ({ name: 'maxFrameBytes', bytes }) })

/** The frames of a stream that ends, without their lengths. */
async function unframed(hex: string): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for await (const one of framing().decode(source(hex, true))) frames.push(one.slice())
  return frames
}

async function* source(hex: string, ends: boolean): AsyncGenerator<Uint8Array> {
  yield bytesOf(hex)
  if (!ends) await new Promise(() => {})
}

async function framed(bytes: Uint8Array): Promise<string> {
  async function* one(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of framing().encode(one())) chunks.push(chunk.slice())
  return hexOf(Buffer.concat(chunks))
}

describe('varints', () => {
  test.each(vectors.varints.valid)('$value is $hex, both ways', ({ value, hex }) => {
    const out = new ByteWriter(new Uint8Array(8))
    out.varint(value)
    expect(hexOf(out.take().subarray())).toBe(hex)
    expect(new ByteReader(bytesOf(hex)).varint()).toBe(value)
  })

  test.each(vectors.varints.longer)('$hex is read as $value', ({ value, hex }) => {
    expect(new ByteReader(bytesOf(hex)).varint()).toBe(value)
  })

  test.each(vectors.varints.invalid)('$name is $code', ({ hex, code }) => {
    expect(() => new ByteReader(bytesOf(hex)).varint()).toThrow(coded(code))
  })
})

/** What a record means, as our messages. */
function messagesOf(record: RecordFields): unknown[] {
  const { kind, ...fields } = record
  switch (kind) {
    case 'items': {
      const { first, attempt, wantsResult, payloads, to } = fields
      const items = { type: kind, first, attempt, wantsResult, payloads: (payloads as string[]).map(bytesOf) }
      return [to === undefined ? items : { ...items, to }]
    }
    case 'credit':
      return [{ type: kind, ...fields }]
    case 'settle':
      return (fields['ranges'] as number[][]).map(([first, length]) => ({
        type: kind,
        outcome: fields['outcome'],
        first,
        length,
      }))
    case 'result':
      if (fields['code'] !== undefined) return [{ type: 'failed', ...fields }]
      return [
        { type: kind, seq: fields['seq'], value: fields['undefined'] === true ? undefined : bytesOf(fields['value']) },
      ]
    case 'cancel':
      return [
        fields['target'] === 'request'
          ? { type: 'cancelRequest', tag: fields['id'] }
          : { type: kind, seq: fields['id'] },
      ]
    case 'request': {
      const { tag, channel, type: name, deadlineMs, stream: hasBody } = fields
      return [{ type: kind, tag, channel, name, deadlineMs, hasBody, ...contentOf(fields), ...routeOf(fields) }]
    }
    case 'response': {
      const { tag, stream: hasStream, code, reason, flags } = fields
      const isUnbegun = ((flags as number) & 8) !== 0
      if (code === undefined) return [{ type: kind, tag, hasStream, ...contentOf(fields) }]
      return [
        { type: 'refusal', tag, headers: contentOf(fields).headers, code, reason, ...(isUnbegun && { isUnbegun }) },
      ]
    }
    case 'message':
      return [{ type: kind, name: fields['type'], ...contentOf(fields), ...routeOf(fields) }]
    case 'chunk': {
      const { tag, direction, bytes } = fields
      return [{ type: kind, tag, direction, payload: bytesOf(bytes) }]
    }
    case 'nodes':
      return [{ type: kind, changes: (fields['changes'] as ToldNode[]).map(nodeChangeOf) }]
    default:
      return [{ type: kind, ...fields }]
  }
}

interface ToldNode {
  path: string[]
  about?: { tags?: string[]; status?: unknown; rtt?: number; relay?: boolean }
}

function nodeChangeOf({ path, about }: ToldNode): unknown {
  const { tags = [], status, rtt, relay: isRelay = false } = about ?? {}
  return { path, about: about && { tags, status, rtt, isRelay }, bytes: expect.any(Number) as number }
}

/** Where a request or a message goes, as far as it says so. */
function routeOf({ name, codec, to, except }: Record<string, unknown>): { route?: Route } {
  if (name === undefined && to === undefined && except === undefined) return {}
  const route = { ...(name !== undefined && { named: { name, codec } }), ...(to !== undefined && { to }) }
  return { route: { ...route, ...(except !== undefined && { except }) } as Route }
}

function contentOf({ headers, payload = '' }: Record<string, unknown>): {
  headers: Headers | undefined
  payload: Uint8Array
} {
  return {
    headers: headers === undefined ? undefined : headersOf(headers as [string, string | null][]),
    payload: bytesOf(payload),
  }
}

/** Says a record to a writer. Those that name no channel are in channel 0. */
function write(writer: Writer, record: RecordFields): void {
  const [first] = messagesOf(record) as Plain[]
  const of = <T extends Plain['type']>(_type: T): Extract<Plain, { type: T }> => first as Extract<Plain, { type: T }>
  const said: Record<string, () => void> = {
    items: () => {
      const { first: from, payloads, attempt, wantsResult, to } = of('items')
      payloads.forEach((payload, index) =>
        to === undefined
          ? writer.item(from + index, payload, attempt, wantsResult)
          : writer.itemTo?.(from + index, payload, attempt, wantsResult, to),
      )
    },
    credit: () => writer.credit(of('credit').limit, of('credit').byteLimit, of('credit').received),
    settle: () => writer.settle(record['outcome'] as Outcome, (record['ranges'] as number[][]).flat()),
    result: () => writer.result(of('result').seq, of('result').value),
    failed: () => writer.failed(of('failed').seq, of('failed').code, of('failed').reason),
    reject: () => writer.reject(of('reject').seq, of('reject').code, of('reject').reason),
    cancel: () => writer.cancel(of('cancel').seq),
    extend: () => writer.extend(of('extend').seq),
    reclaim: () => writer.reclaim(),
    released: () => writer.released(of('released').first, of('released').last, of('released').bytes),
    status: () => writer.status(of('status').value),
    ping: () => writer.ping(of('ping').token),
    pong: () => writer.pong(of('pong').token),
    goaway: () => writer.goaway(of('goaway').code, of('goaway').reason),
    request: () => writer.request(of('request')),
    response: () => writer.response({ ...of('response'), channel: 0 }),
    refusal: () => writer.refusal({ ...of('refusal'), channel: 0 }),
    message: () => writer.message(of('message')),
    chunk: () => writer.chunk({ ...of('chunk'), channel: 0 }),
    chunkCredit: () => writer.chunkCredit({ ...of('chunkCredit'), channel: 0 }),
    chunkEnd: () => writer.chunkEnd({ ...of('chunkEnd'), channel: 0 }),
    endRequests: () => writer.endRequests(),
    cancelRequest: () => writer.cancelRequest(of('cancelRequest')),
    ancestry: () => writer.ancestry?.(of('ancestry').ids),
    nodes: () => writer.nodes?.([...of('nodes').changes]),
    names: () => writer.names?.([...of('names').changes]),
    longest: () => writer.longest?.(of('longest').longest),
  }
  said[first?.type ?? '']?.()
}

const unlimited = { maxItemBytes: 1_048_576, sentRecords: Number.POSITIVE_INFINITY }

function readBatch(bytes: Uint8Array, reader: RecordReader = new RecordReader(unlimited)): Plain[] {
  const messages: Plain[] = []
  reader.read(frameData(bytes), (message) => messages.push(plain(message)))
  return messages
}

/** Decodes a frame as whoever waits for it would. */
function decode(bytes: Uint8Array, type: string, from: 'client' | 'server'): unknown {
  const data = frameData(bytes)
  if (type === 'hello') {
    const { nonce, ...hello } = decodeHello(data)
    return { ...hello, nonce: hexOf(nonce) }
  }
  if (type === 'auth') return { type, method: data[0], data: hexOf(data.subarray(1)) }
  if (type === 'welcome') {
    const { grant, ...said } = decodeWelcome(data, from)
    return { ...said, grant: grant && { ...grant, denials: grant.denials && [...grant.denials] } }
  }
  if (type === 'error') return decodeError(bytes)
  if (type === 'ack') return { type, batches: new ByteReader(data).varint() }
  if (type === 'disconn') return { type: hexOf(bytes) === '0002' ? type : hexOf(bytes) }
  return readBatch(bytes)
}

/** What `decode` is to give. */
function meaning(decoded: FrameVector['decoded']): unknown {
  const { type, value = {}, records = [] } = decoded
  if (type === 'hello') {
    const { minVersion, maxVersion, nonce, id } = decoded as Record<string, unknown>
    return { minVersion, maxVersion, nonce, id }
  }
  if (type === 'welcome') {
    const { item, result, status, tags = [], limits, resume } = value as Record<string, never>
    const { paced: isPaced = false, relay: isRelay = false } = value
    const {
      frameBytes: maxFrameBytes,
      itemBytes: maxItemBytes,
      unsettled: maxUnsettled,
      requests: count = 256,
      requestBytes: bytes = 16_777_216,
    } = limits as unknown as Record<string, number>
    const requests = { count, bytes }
    const grant = grantOf(value)
    const announcement = announcementOf(value)
    const said = {
      requests,
      announcement,
      grant: grant && { ...grant, denials: denialsSaid(value, announcement) },
      resume,
    }
    return { item, result, status, tags, isPaced, isRelay, maxFrameBytes, maxItemBytes, maxUnsettled, ...said }
  }
  if (type === 'error') return { type, ...value }
  if (type === 'ack' || type === 'auth') return decoded
  if (type === 'disconn') return { type }
  return records.flatMap(messagesOf)
}

/** What a server says to its client alone. */
function grantOf(value: Record<string, unknown>): Grant | undefined {
  const { session, you, secret, resumeMs = 0, resumed, batches } = value as Partial<Grant> & { you?: { id: string } }
  if (you === undefined || session === undefined) return undefined
  const denied = denialsSaid(value, announcementOf(value)) ?? []
  const denials = denialsOf(
    denied.flatMap(([action, names]) => [...names].map((name): [Action, string] => [action, name])),
  )
  return { id: you.id, session, secret, resumeMs, resumed, batches, denials }
}

/** What a server does not let its client do, by name. */
function denialsSaid(value: Record<string, unknown>, { messages }: Announcement): [Action, Set<string>][] | undefined {
  const { denied } = (value['you'] ?? {}) as { denied?: Record<Action, number[]> }
  const names = new Map([[0, ''], ...Array.from(messages, ([name, { id }]): [number, string] => [id, name])])
  return (
    denied &&
    Object.entries(denied).map(([action, ids]) => [action as Action, new Set(ids.map((id) => names.get(id) as string))])
  )
}

function encode({ decoded }: FrameVector): Uint8Array {
  switch (decoded.type) {
    case 'hello':
      return frameOf(
        FrameType.CONN,
        encodeHello({ ...introductionOf({}), id: decoded['id'] as string, nonce: bytesOf(decoded['nonce']) }),
      )
    case 'welcome': {
      const value = decoded.value as Record<string, never>
      const {
        frameBytes: maxFrameBytes,
        itemBytes: maxItemBytes,
        unsettled: maxUnsettled,
      } = value['limits'] as unknown as Record<string, number>
      const limits = limitsFrom({ maxFrameBytes, maxItemBytes, maxUnsettled } as Record<string, number>)
      return frameOf(
        FrameType.WELCOME,
        encodeWelcome(introductionOf(value), limits, { grant: grantOf(value), resume: value['resume'] }),
      )
    }
    case 'auth':
      return authFrame(decoded['method'] as number, bytesOf(decoded['data']))
    case 'error':
      return encodeError(decoded.value as unknown as ErrorNotice)
    case 'ack': {
      const out = new ByteWriter(new Uint8Array(8))
      out.varint(decoded['batches'] as number)
      return frameOf(FrameType.ACK, out.take().subarray())
    }
    case 'disconn':
      return frameOf(FrameType.DISCONN)
    default: {
      const records = decoded.records as RecordFields[]
      const acknowledged = records.find(({ kind }) => kind === 'credit')?.['records'] as number
      const writer = new RecordWriter(newOut(), { ordered: acknowledged })
      return writer.build((out) => records.forEach((record) => write(out, record))) as Uint8Array
    }
  }
}

function introductionOf(value: Record<string, unknown>): Parameters<typeof encodeWelcome>[0] {
  const {
    id = '',
    item = '',
    result = '',
    tags = [],
    status,
    paced = false,
    relay = false,
  } = value as Record<string, never>
  const nonce = new Uint8Array(16)
  const { requests: count, requestBytes: bytes } = (value['limits'] ?? {}) as Record<string, number>
  const messages = {
    ...messagesSaid(value),
    ...(count !== undefined && bytes !== undefined && { open: { count, bytes } }),
  }
  return { id, item, result, tags, status, isPaced: paced, isRelay: relay, messages, nonce }
}

type Rows = Record<string, [id: number, isRequest?: 0 | 1, codec?: string]>

function announcementOf({ messages = {}, adapt = false }: Said): Announcement {
  const rows = Object.entries(messages)
  return {
    messages: new Map(
      rows.map(([name, [id, isRequest = 0, codec = 'msgpack']]) => [name, { id, isRequest: isRequest === 1, codec }]),
    ),
    adapts: adapt,
  }
}

/** The messages of whoever announces them like that. */
function messagesSaid({ messages = {}, adapt = false }: Said): OwnMessages {
  const payload = type<unknown>()
  const definitions = Object.entries(messages).map(([name, [id, isRequest = 0, codec = 'msgpack']]) => [
    name,
    { id, payload, ...(isRequest === 1 && { reply: payload }), codec: { ...msgpack(), name: codec } },
  ])
  return ownMessages({
    messages: defineMessages(Object.fromEntries(definitions) as MessageDefinitions),
    messageIds: adapt ? 'adapt' : 'enforce',
  })
}

const isFragment = ({ decoded }: FrameVector): boolean =>
  decoded.records?.some(({ kind }) => kind === 'fragment') === true
const now = vectors.frames.filter(({ later }) => later !== true)

describe('frames', () => {
  test.each(now.filter((vector) => !isFragment(vector)))('$name is read', async ({ hex, decoded }) => {
    const [bytes] = await unframed(hex)
    const from = decoded.value?.['you'] === undefined ? 'client' : 'server'
    expect(decode(bytes as Uint8Array, decoded.type, from)).toEqual(meaning(decoded))
  })

  test.each(now.filter(({ canonical }) => canonical !== false))('$name is written', async (vector) => {
    expect(await framed(encode(vector))).toBe(vector.hex)
  })

  test('fragments are read, piece by piece', async () => {
    const reader = new RecordReader(unlimited)
    for (const vector of now.filter(isFragment)) {
      const [bytes] = await unframed(vector.hex)
      const messages = readBatch(bytes as Uint8Array, reader)
      const expected = (vector.decoded.records as RecordFields[]).flatMap(({ kind, last }) =>
        kind === 'fragment' ? (last === true ? ['whole'] : []) : [kind],
      )
      const isLong = ({ type, ...message }: Plain): boolean =>
        type === 'items' || type === 'result' || ('payload' in message && message.payload.byteLength > 1_000)
      expect(messages.map((message) => (isLong(message) ? 'whole' : message.type))).toEqual(expected)
    }
  })

  test.each(vectors.frames.filter(({ later, decoded }) => later === true && decoded.type === 'batch'))(
    '$name, which is for later, is refused by its code',
    async ({ hex }) => {
      const [bytes] = await unframed(hex)
      expect(() => readBatch(bytes as Uint8Array)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(UNKNOWN_TYPE|BAD_MESSAGE)$/) as unknown }),
      )
    },
  )
})

test('the proof of a session is what its secret and both HELLOs make', () => {
  const { secret, clientHello, serverHello, proof } = vectors.resume
  const transcript = { client: bytesOf(clientHello), server: bytesOf(serverHello) }
  expect(prove(secret, transcript)).toBe(proof)
  expect(isProof(proof, secret, transcript)).toBe(true)
})

describe('auth', () => {
  const { token, credentials, clientHello, serverHello, clientProof, serverProof, tries, answers } = vectors.auth
  const transcript = { client: bytesOf(clientHello), server: bytesOf(serverHello) }

  /** Whose nonce is that of a HELLO. */
  class Chosen extends Clock {
    readonly #nonce: Uint8Array

    constructor(helloHex: string) {
      super()
      this.#nonce = decodeHello(bytesOf(helloHex)).nonce
    }

    override randomBytes(length: number): Uint8Array {
      return length === this.#nonce.length ? this.#nonce : super.randomBytes(length)
    }
  }

  test('a proof is what its token, its sender and both HELLOs make', () => {
    const known = new Token(bytesOf(token))
    expect(hexOf(proveToken(known, 'client', transcript))).toBe(clientProof)
    expect(hexOf(proveToken(known, 'server', transcript))).toBe(serverProof)
  })

  test.each(tries)(
    'a client tries, at a server that wants $wants: $name',
    async ({ wants, hex, answer = '', code }) => {
      const env = new Chosen(serverHello)
      const server = await listen(undefined, {
        env,
        id: 'server',
        item: text(),
        result: text(),
        ...(wants === 'token' && { token: bytesOf(token) }),
        ...(wants === 'authenticate' && {
          authenticate: ({ credentials: shown }) => JSON.stringify(shown) === JSON.stringify(credentials),
        }),
      })
      const { peer, duplex } = RawPeer.inMemory()
      server.accept(duplex).catch(() => {})
      peer.send(frame(FRAME.CONN, bytesOf(clientHello)), hex)
      if (code !== undefined) await env.pass(peer.untilEnd())
      await rest()
      const said = hexOf(peer.received)
      const expected = frame(FRAME.CONN, bytesOf(serverHello)) + answer
      const error = Buffer.from(said.slice(expected.length), 'hex').toString()
      expect([said.slice(0, expected.length), /"code":"(\w+)"/.exec(error)?.[1]]).toEqual([expected, code])
      peer.cut()
      await env.pass(server.close({ timeout: 0 }))
    },
  )

  test.each(answers)('a server answers: $name', async ({ hex, code }) => {
    const env = new Chosen(clientHello)
    const { peer, duplex } = RawPeer.inMemory()
    const options = { env, id: 'worker-1', item: text(), result: text(), token: bytesOf(token), reconnect: false }
    const failure = failureOf(connect(duplex, options))
    await peer.next()
    peer.send(frame(FRAME.CONN, bytesOf(serverHello)))
    await peer.next()
    peer.send(hex)
    await rest()
    const sent = hexOf(peer.received)
    const shown = frame(FRAME.CONN, bytesOf(clientHello)) + frame(FRAME.AUTH, bytesOf(`01${clientProof}`))
    expect(sent.slice(0, shown.length)).toBe(shown)
    // What follows, behind its length: a WELCOME where the server is believed.
    expect(sent.slice(shown.length + 8, shown.length + 12) === '0011').toBe(code === undefined)
    peer.cut()
    const error = (await env.pass(failure)) as NetQueueError
    expect(error.code === 'CONNECT_FAILED' ? 'CONNECTION_LOST' : error.code).toBe(code ?? 'CONNECTION_LOST')
  })
})

const at = (stage: string): Stated[] => vectors.invalid.filter((vector) => vector.stage === stage)

test('every stage of the invalid vectors is known here', () => {
  expect([...new Set(vectors.invalid.map(({ stage }) => stage))]).toEqual([
    'framing',
    'hello',
    'answer',
    'welcome',
    'batch',
    'open',
  ])
})

describe('P7: invalid, stage framing', () => {
  test.each(at('framing'))('$name: $code', async ({ hex, code, ends = false, given }) => {
    const frames = framing(given?.limit).decode(source(hex, ends))
    const read = async (): Promise<void> => {
      for await (const one of frames) void one
    }
    await expect(read()).rejects.toThrow(coded(code))
  })
})

describe('P7: invalid, stage batch', () => {
  test.each(at('batch'))('$name: $code', async ({ hex, code, given }) => {
    const [bytes] = await unframed(hex)
    const reader = new RecordReader({ ...unlimited, ...given?.limits })
    expect(() => readBatch(bytes as Uint8Array, reader)).toThrow(coded(code))
  })
})

interface Played {
  peer: RawPeer
  clock: Clock
  server: Server<string, string>
  warnings: NetQueueError[]
  accepted: Promise<unknown>
}

/** Takes for text what is none, as some payloads here are. */
const anyText: Codec<string> = {
  name: 'text',
  encode: (value) => Buffer.from(value, 'latin1'),
  decode: (bytes) => Buffer.from(bytes).toString('latin1'),
}

/** A server in memory, whose client is played by hand. */
async function serve({ granted, limits, resumeMs = 0, ...said }: Given = {}): Promise<Played> {
  const clock = new Clock()
  const { peer, duplex } = RawPeer.inMemory()
  const bytes = granted !== undefined && granted.byteLimit > 0 ? { maxUnsettledBytes: granted.byteLimit } : {}
  const server = await listen<string, string>(undefined, {
    item: text(),
    result: anyText,
    env: clock,
    prefetch: Math.max(1, granted?.limit ?? 1),
    retryDelayMs: 1e9,
    resumeTimeoutMs: resumeMs,
    limits: { ...limits, ...bytes },
    ...optionsOf(said),
  })
  const warnings: NetQueueError[] = []
  server.on('warning', ({ error }) => warnings.push(error))
  if (granted !== undefined && granted.limit > 0) void server.poll().catch(() => {})
  const accepted = failureOf(server.accept(duplex))
  return { peer, clock, server, warnings, accepted }
}

function optionsOf(said: Said): MessagesOptions {
  const { table, ids } = messagesSaid(said)
  return { messages: table, messageIds: ids }
}

/** Notes what messages the server hears, and has it begin what it is asked, and ask. */
async function talk({ server, peer }: Played, { messages = {}, asked = [] }: Given): Promise<unknown[]> {
  const heard: unknown[] = []
  for (const [name, [, isRequest = 0]] of Object.entries(messages))
    if (isRequest === 1) server.handle(name, never)
    else void hear(server.messages(name), heard)
  const [to] = server.clients
  const [name = ''] = Object.keys(messages)
  for (const kind of asked) void server.call(name, 1, { to, ...(kind === 'body' && { body: [1] }) }).catch(() => {})
  await rest()
  peer.frames.length = 0
  return heard
}

async function hear(loop: AsyncIterable<{ payload: unknown }>, heard: unknown[]): Promise<void> {
  for await (const { payload } of loop) heard.push(payload)
}

/** Ends what is left of a conversation, and of its server. */
async function finish({ peer, clock, server }: Played): Promise<void> {
  peer.cut()
  const closed = server.close({ timeout: 0 })
  for (let rounds = 0; rounds < 3; rounds += 1) {
    await rest()
    clock.advance(2_000)
  }
  await closed
  expect(clock.timers).toBe(0)
}

/** A client that was introduced, with credit given and items sent. */
async function opened(given: Given = {}): Promise<Played & { errors: NetQueueError[]; heard: unknown[] }> {
  const played = await serve(given)
  const errors: NetQueueError[] = []
  played.server.on('disconnect', ({ error }) => error !== undefined && errors.push(error))
  const { messages, adapt } = given.peer ?? given
  await introduce(played.peer, 'raw', { messages, adapt })
  for (let number = 1; number <= (given.sent ?? 0); number += 1) {
    if (given.wantsResult === true) void played.server.submit(`${number}`).catch(() => {})
    else void played.server.put(`${number}`).catch(() => {})
  }
  if (given.sent !== undefined) played.peer.send(frame(FRAME.BATCH, Buffer.of(2, given.sent, 100, 0, 0)))
  await rest()
  played.peer.frames.length = 0
  return { ...played, errors, heard: await talk(played, given) }
}

const errorCodes = (peer: RawPeer): unknown[] =>
  peer.frames
    .filter(({ type }) => type === FRAME.ERROR)
    .map(({ data }) => (JSON.parse(data.toString()) as { code: string }).code)

describe('P7: invalid, stage hello', () => {
  test.each(at('hello'))('$name: $code', async ({ hex, code }) => {
    const played = await serve()
    played.peer.send(hex)
    await rest()
    expect(errorCodes(played.peer)).toEqual([code])
    expect(played.warnings.map((error) => error.code)).toEqual([code])
    expect(await played.accepted).toMatchObject({ code })
    await finish(played)
  })
})

describe('P7: invalid, stage welcome', () => {
  const helloHex = vectors.frames[0]?.hex as string

  test.each(at('welcome'))('$name: $code', async ({ hex, code }) => {
    const played = await serve()
    played.peer.send(helloHex, hex)
    await rest()
    const isTold = !hex.startsWith(frame(FRAME.DISCONN)) && hex.slice(8, 12) !== '0012'
    expect(errorCodes(played.peer)).toEqual(isTold ? [code] : [])
    expect(played.warnings.map((error) => error.code)).toEqual([code])
    await finish(played)
  })

  test('CODEC_MISMATCH names both codecs on both sides: WELCOME comes before the ERROR', async () => {
    const played = await serve()
    const { hex } = at('welcome').find(({ name }) => name === 'WELCOME: another codec for items') as Stated
    played.peer.send(helloHex, hex)
    await rest()
    expect(played.peer.frames.map(({ type }) => type)).toEqual([FRAME.CONN, FRAME.WELCOME, FRAME.ERROR])
    expect(played.warnings[0]?.message).toBe('Expected the peer\'s codec for `item` to be "text", got "json"')
    await finish(played)
  })
})

/** What a client says to an answer that it does not take, behind HELLO and WELCOME. */
function answerTo(hex: string, code: string): string {
  const isError = hex.slice(8, 12) === '0012'
  if (isError) return 'nothing'
  return code === 'PROTOCOL_MISMATCH' || code === 'CONNECTION_LOST' ? 'DISCONN' : code
}

function lastWords({ frames }: RawPeer): string {
  const [last] = frames.slice(-1)
  if (last?.type === FRAME.DISCONN) return 'DISCONN'
  return last?.type === FRAME.ERROR ? (JSON.parse(last.data.toString()) as { code: string }).code : 'nothing'
}

describe('P7: invalid, stage answer', () => {
  test.each(at('answer'))('$name: $code', async ({ hex, code }) => {
    const clock = new Clock()
    const { peer, duplex } = RawPeer.inMemory()
    const connecting = failureOf(connect(duplex, { item: text(), result: text(), env: clock, id: 'worker-1' }))
    await rest()
    peer.send(hex)
    await rest()
    clock.advance(2_000)
    const expected = code === 'CONNECTION_LOST' ? { code: 'CONNECT_FAILED', cause: { code } } : { code }
    expect(await connecting).toMatchObject(expected)
    expect(lastWords(peer)).toBe(answerTo(hex, code))
    await rest()
    expect(clock.timers).toBe(0)
  })
})

describe('P7: invalid, stage open', () => {
  test.each([...at('open'), ...at('batch')])('$name: $code', async ({ hex, code, given }) => {
    const played = await opened(given)
    played.peer.send(hex)
    await rest()
    expect(errorCodes(played.peer)).toEqual([code])
    expect(played.errors.map((error) => error.code)).toEqual([code])
    await finish(played)
  })
})

describe('accepted', () => {
  test.each(vectors.accepted)('$name', async ({ hex, given, items = [], stale = 0, heard = [], refused = [] }) => {
    const played = await opened(given)
    played.peer.send(hex)
    await rest()
    expect(played.errors).toEqual([])
    const stales = played.warnings.filter(({ code }) => code === 'STALE_SETTLE')
    expect(stales.reduce((sum, { value }) => sum + (value as number), 0)).toBe(stale)
    const refusals = messages(played.peer, 'refusal') as Extract<Plain, { type: 'refusal' }>[]
    expect(refusals.map(({ tag, code }) => [tag, code])).toEqual(refused)
    expect(played.heard).toEqual(heard)
    expect(played.server.getAll().map((item) => Buffer.from(item, 'latin1').toString('hex'))).toEqual(items)
    await finish(played)
  })
})

describe('sessions', () => {
  test.each(vectors.sessions)('$name: each step is what it says', async ({ steps, client, server }) => {
    for (const { hex, decoded, from } of steps) {
      const [bytes] = await unframed(hex)
      expect(decode(bytes as Uint8Array, decoded.type, from)).toEqual(meaning(decoded))
    }
    const all = (side: string): string => steps.flatMap(({ from, hex }) => (from === side ? [hex] : [])).join('')
    expect([all('client'), all('server')]).toEqual([client, server])
  })

  const stepsOf = (index: number, side: string): string[] =>
    (vectors.sessions[index]?.steps ?? []).flatMap(({ from, hex }) => (from === side ? [hex] : []))

  test('a server takes the client of the first session: one item, settled, goodbye', async () => {
    const played = await serve()
    const ends: unknown[] = []
    played.server.on('disconnect', (end) => ends.push(end.error))
    const put = played.server.put('hello')
    for (const hex of stepsOf(0, 'client')) {
      played.peer.send(hex)
      await rest()
    }
    await put
    await played.server.idle()
    expect(messages(played.peer, 'items')).toMatchObject([
      { first: 1, payloads: [new Uint8Array(Buffer.from('hello'))] },
    ])
    expect([ends, played.warnings]).toEqual([[undefined], []])
    await finish(played)
  })

  test('a server takes the client of the second session: a result, an item that goes back, a drain', async () => {
    const played = await serve()
    const ends: unknown[] = []
    played.server.on('disconnect', (end) => ends.push(end.error))
    const results = ['a', 'b'].map((item) => played.server.submit(item))
    results.forEach((result) => void result.catch(() => {}))
    for (const hex of stepsOf(1, 'client').slice(0, -1)) {
      played.peer.send(hex)
      await rest()
    }
    expect(await results[0]).toBe('A')
    expect(played.server.backlog).toBe(1)
    expect(messages(played.peer, 'released')).toEqual([{ type: 'released', first: 3, last: 5, bytes: 1_048_575 }])
    played.peer.send(frame(FRAME.DISCONN))
    await rest()
    expect([ends, played.warnings]).toEqual([[undefined], []])
    await finish(played)
  })

  test('a client takes the server of the first session: one item, settled when the next is asked for', async () => {
    const clock = new Clock()
    const { peer, duplex } = RawPeer.inMemory()
    const [helloStep, welcomeStep, ...steps] = stepsOf(0, 'server')
    peer.send(helloStep as string, welcomeStep as string)
    const client = await connect<string, string>(duplex, { item: text(), result: text(), env: clock, id: 'worker-1' })
    expect(client.id).toBe('worker-1')
    const taken: string[] = []
    const looping = (async () => {
      for await (const item of client) taken.push(item)
    })()
    await rest()
    for (const hex of steps.slice(0, 2)) peer.send(hex)
    await rest()
    expect(taken).toEqual(['hello'])
    expect(messages(peer, 'settle')).toEqual([{ type: 'settle', outcome: 'done', first: 1, length: 1 }])
    for (const hex of steps.slice(2)) peer.send(hex)
    await rest()
    peer.end()
    clock.advance(2_000)
    await looping
    expect((await client.closed).error).toBeUndefined()
    expect(clock.timers).toBe(0)
  })
})

/** What of one type has come. */
function messages(peer: RawPeer, type: string): Plain[] {
  const reader = new RecordReader(unlimited)
  return peer.frames
    .filter((one) => one.type === FRAME.BATCH)
    .flatMap(({ data }) => readBatch(frameOf(FrameType.BATCH, new Uint8Array(data)), reader))
    .filter((message) => message.type === type)
}
