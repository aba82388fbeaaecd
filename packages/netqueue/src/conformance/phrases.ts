import { encodeWith, text } from '../message/codec.ts'
import { type } from '../message/definition.ts'
import type { MessageEntry } from '../message/definition.ts'
import type { Headers } from '../message/headers.ts'
import { defineMessages } from '../message/messages.ts'
import type { Messages } from '../message/messages.ts'
import type { Direction, Writer } from '../protocol/message.ts'
import type { Supports } from '../protocol/supports.ts'
import { pattern } from './bytes.ts'
import { check } from './checks.ts'

export const FEATURES: readonly (keyof Supports)[] = [
  'items',
  'credit',
  'settle',
  'result',
  'request',
  'stream',
  'message',
  'headers',
  'heartbeat',
]

/** What can be said of any length. */
export type Kind = 'items' | 'message' | 'request'

/** What is said, and what the other side hears of it: these fields, and whatever else. */
export interface Saying {
  say: (writer: Writer) => unknown
  hears: Record<string, unknown> & { type: string }
  /** Whether the side says it that was spoken to first. @default false */
  isReply?: boolean
}

/** Of which messages and values a suite makes what it says. */
export interface PhrasesInit {
  messages?: Messages | undefined
  headers?: Headers | undefined
  /** What a side calls its messages. @default their ids */
  idOf?: ((entry: MessageEntry) => number) | undefined
}

const TEXTS: Messages = defineMessages({
  say: { payload: type<string>(), codec: text() },
  ask: { payload: type<string>(), reply: type<string>(), codec: text() },
})
const HEADERS: Headers = { lang: 'en', flag: null }

/** What is said in the tests of one protocol. */
export class Phrases {
  readonly messages: Messages
  readonly #supports: Supports
  readonly #headers: Headers
  readonly #idOf: (entry: MessageEntry) => number

  constructor(supports: Supports, { messages = TEXTS, headers = HEADERS, idOf = ({ id }) => id }: PhrasesInit) {
    this.messages = messages
    this.#idOf = idOf
    this.#supports = supports
    this.#headers = headers
  }

  /** What the protocol carries of any length. */
  get kinds(): Kind[] {
    return (['items', 'message', 'request'] as const).filter((kind) => this.#supports[kind])
  }

  /** The bytes of a text as such messages carry it. */
  payload(kind: 'message' | 'request', value: string, part: 'payload' | 'reply' = 'payload'): Uint8Array {
    return encodeWith(this.#entry(kind).parts[part], value, kind)
  }

  message(value: string, headers?: Headers): Saying {
    const message = { name: this.#idOf(this.#entry('message')), payload: this.payload('message', value) }
    return {
      say: (to) => to.message({ ...message, headers }),
      hears: { type: 'message', ...message, ...(headers !== undefined && { headers }) },
    }
  }

  request(value: string, { tag = 1, headers, hasBody = false }: RequestPhrase = {}): Saying {
    const request = { tag, name: this.#idOf(this.#entry('request')), payload: this.payload('request', value), hasBody }
    return {
      say: (to) => to.request({ ...request, channel: 0, deadlineMs: undefined, headers }),
      hears: { type: 'request', ...request, ...(headers !== undefined && { headers }) },
    }
  }

  /** For each feature, conversations that need it: where it is missing, nothing is heard of the first thing said. */
  of(feature: keyof Supports): Saying[][] {
    if (feature === 'request') return this.#requests()
    if (feature === 'stream') return this.#streams()
    if (feature === 'message') return [[this.message('naïve ☃')]]
    if (feature === 'headers') return this.#withHeaders()
    return feature === 'items' ? [] : SAYINGS[feature].map(([say, hears]) => [{ say, hears }])
  }

  /** What is said of a feature that is missing, as far as there are words for it: nothing of it is heard. */
  lacking(feature: keyof Supports): Saying[][] {
    return feature in SAYINGS ? this.of(feature) : []
  }

  #requests(): Saying[][] {
    const refusal: Saying = {
      say: (to) => to.refusal({ tag: 1, channel: 0, headers: undefined, code: 'NO', reason: '', isUnbegun: false }),
      hears: { type: 'refusal', tag: 1 },
      isReply: true,
    }
    return [
      [this.request('naïve ☃'), this.#response()],
      [this.request(''), refusal],
    ]
  }

  #response(headers?: Headers, hasStream = false): Saying {
    const response = { tag: 1, hasStream, payload: this.payload('request', hasStream ? '' : '☃', 'reply') }
    return {
      say: (to) => to.response({ ...response, channel: 0, headers }),
      hears: { type: 'response', ...response, ...(headers !== undefined && { headers }) },
      isReply: true,
    }
  }

  #streams(): Saying[][] {
    return [
      [this.request('', { hasBody: true }), ...chunksOf('body')],
      [this.request(''), this.#response(undefined, true), ...chunksOf('reply')],
    ]
  }

  #withHeaders(): Saying[][] {
    const headers = this.#headers
    const { message, request } = this.#supports
    return [
      ...(message ? [[this.message('', headers)]] : []),
      ...(request ? [[this.request('', { headers }), this.#response(headers)]] : []),
    ]
  }

  #entry(kind: 'message' | 'request'): MessageEntry {
    const entry = [...this.messages].find(({ isRequest }) => isRequest === (kind === 'request'))
    check(entry !== undefined, `\`messages\` to define a ${kind}, as the protocol carries those`)
    return entry
  }
}

interface RequestPhrase {
  tag?: number
  headers?: Headers
  hasBody?: boolean
}

const PAYLOAD = pattern(10)

/** What is said of one stream of a request. */
function chunksOf(direction: Direction): Saying[] {
  const to = { tag: 1, direction }
  const credit = { ...to, chunks: 5, bytes: 900 }
  const chunk = { ...to, payload: PAYLOAD }
  const end = { ...to, code: '', reason: '' }
  const isReply = direction === 'reply'
  return [
    {
      say: (writer) => writer.chunkCredit({ ...credit, channel: 0 }),
      hears: { type: 'chunkCredit', ...credit },
      isReply: !isReply,
    },
    { say: (writer) => writer.chunk({ ...chunk, channel: 0 }), hears: { type: 'chunk', ...chunk }, isReply },
    { say: (writer) => writer.chunkEnd({ ...end, channel: 0 }), hears: { type: 'chunkEnd', ...end }, isReply },
  ]
}

/** What needs neither messages nor requests. */
const SAYINGS: Record<'credit' | 'settle' | 'result' | 'heartbeat', [Saying['say'], Saying['hears']][]> = {
  credit: [
    [(to) => to.credit(7, 9_000, 0), { type: 'credit', limit: 7, byteLimit: 9_000, received: 0, records: 0 }],
    [(to) => to.reclaim(), { type: 'reclaim' }],
    [(to) => to.released(3, 5, 100), { type: 'released', first: 3, last: 5, bytes: 100 }],
  ],
  settle: [
    [(to) => to.settle('done', [1, 2]), { type: 'settle', outcome: 'done', first: 1, length: 2 }],
    [(to) => to.settle('released', [3, 1]), { type: 'settle', outcome: 'released', first: 3, length: 1 }],
    [(to) => to.reject(4, 'NO', 'because'), { type: 'reject', seq: 4, code: 'NO', reason: 'because' }],
    [(to) => to.extend(5), { type: 'extend', seq: 5 }],
    [(to) => to.cancel(6), { type: 'cancel', seq: 6 }],
  ],
  result: [
    [(to) => to.result(1, PAYLOAD), { type: 'result', seq: 1, value: PAYLOAD }],
    [(to) => to.result(2, undefined), { type: 'result', seq: 2, value: undefined }],
    [(to) => to.failed(3, 'NO', 'because'), { type: 'failed', seq: 3, code: 'NO', reason: 'because' }],
  ],
  heartbeat: [
    [(to) => to.ping(7), { type: 'ping', token: 7 }],
    [(to) => to.pong(7), { type: 'pong', token: 7 }],
  ],
}
