import { connect, defineMessages, json, listen, text, type } from '../../src/index.ts'
import type { Client, Server, ServerOptions } from '../../src/index.ts'
import { RecordReader } from '../../src/protocol/net-queue/record-reader.ts'
import type { Message } from '../../src/protocol/message.ts'
import { attacked } from './attacked.ts'
import { until } from './nodes.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './raw-peer.ts'
import { bytes, field, varint } from './records.ts'

const anything = { payload: type<unknown>(), reply: type<unknown>(), body: type<unknown>() }

/** What attackers and those whom they attack have in common. */
export const messages = defineMessages({
  'any:echo': anything,
  'any:json': { ...anything, codec: json() },
  'any:text': { payload: type<string>(), reply: type<string>(), codec: text() },
  /** Its handler does not return before the siege is over, whatever its signal says. */
  'any:never': anything,
  /** Its handler returns when its signal fires. */
  'any:heed': anything,
  /** Streams numbers without end. */
  'any:count': anything,
  /** For a test to handle. */
  'any:slow': anything,
  /** Reads one chunk of the body and no more. */
  'any:read': anything,
  'news:any': { payload: type<unknown>() },
  'news:text': { payload: type<string>(), codec: text() },
})

export type Talked = typeof messages

/** How each is called on the wire. */
export const ID = Object.fromEntries(Array.from(messages, ({ name, id }) => [name, id])) as Record<
  keyof Talked['definitions'],
  number
>

/** As WELCOME has them. */
export const TABLE: Record<string, unknown> = Object.fromEntries(
  Array.from(messages, ({ name, id, isRequest, codec }) => [name, [id, isRequest ? 1 : 0, codec]]),
)

/** `null`, in msgpack. */
export const NIL: Uint8Array = bytes(0xc0)
/** So many bytes below 65,536, in msgpack; three more with what says so. */
export const binary = (length: number): Uint8Array => bytes(0xc5, length >> 8, length & 0xff, new Uint8Array(length))

export interface Head {
  channel?: number
  flags?: number
  /** What the flags call for, between them and the payload. */
  more?: Uint8Array
  payload?: Uint8Array
}

type Data = Uint8Array

/** Records, made by hand. */
export const RECORD = {
  request: (tag: number, id: number, { channel = 0, flags = 0, more = bytes(), payload = NIL }: Head = {}): Data =>
    bytes(20, varint(tag), varint(channel), flags, varint(id), more, field(payload)),
  response: (tag: number, { flags = 0, more = bytes(), payload = NIL }: Head = {}): Data =>
    bytes(21, varint(tag), flags, more, field(payload)),
  refusal: (tag: number, code: string): Data => bytes(21, varint(tag), 4, field(code), field('')),
  message: (id: number, { flags = 0, more = bytes(), payload = NIL }: Head = {}): Data =>
    bytes(22, varint(id), flags, more, field(payload)),
  chunk: (tag: number, direction: Direction, payload: Data = NIL): Data =>
    bytes(23, varint(tag), OF[direction], field(payload)),
  credit: (tag: number, direction: Direction, chunks: number, room = chunks): Data =>
    bytes(24, varint(tag), OF[direction], varint(chunks), varint(room)),
  end: (tag: number, direction: Direction, code = ''): Data =>
    bytes(25, varint(tag), OF[direction], field(code), field('')),
  endRequests: (): Data => bytes(26),
  cancel: (tag: number): Data => bytes(6, 1, varint(tag)),
  /** The first piece of a record, or another; `total` for the first. */
  piece: (lane: number, flags: number, part: Data, total?: number): Data =>
    bytes(10, varint(lane), flags, total === undefined ? bytes() : varint(total), field(part)),
  headers: (...pairs: [name: string | Data, value: string | Data | null][]): Data =>
    bytes(
      varint(pairs.length),
      ...pairs.map(([name, value]) => bytes(field(name), value === null ? 0 : bytes(1, field(value)))),
    ),
} as const

type Direction = 'body' | 'reply'
const OF = { body: 0, reply: 1 } as const

/** A BATCH frame. */
export const batch = (...records: Data[]): string => frame(FRAME.BATCH, bytes(...records))
export const times = (count: number, record: Data | ((index: number) => Data)): Data =>
  bytes(...Array.from({ length: count }, (_, index) => (typeof record === 'function' ? record(index) : record)))

/** What a peer was told in its BATCH frames so far; forgets it. */
export function told(peer: RawPeer): Message[] {
  const all: Message[] = []
  for (const { type, data } of peer.frames.splice(0)) {
    if (type === FRAME.BATCH) readerOf(peer).read(data, (message) => all.push(message))
  }
  return all
}

const readers = new WeakMap<RawPeer, RecordReader>()

/** One for each, as long records come in pieces. */
function readerOf(peer: RawPeer): RecordReader {
  const sentRecords = Number.POSITIVE_INFINITY
  const reader = readers.get(peer) ?? new RecordReader({ maxItemBytes: 2 ** 21, sentRecords })
  readers.set(peer, reader)
  return reader
}

/** Waits until a peer was told so many messages of a type; returns them. */
export async function hears<T extends Message['type']>(
  peer: RawPeer,
  type: T,
  count = 1,
): Promise<Extract<Message, { type: T }>[]> {
  const heard: Extract<Message, { type: T }>[] = []
  for (;;) {
    for (const message of told(peer)) if (message.type === type) heard.push(message as Extract<Message, { type: T }>)
    if (heard.length >= count) return heard
    await peer.until(() => peer.frames.length > 0)
  }
}

/** The error that the stream ends with, as the peer is told it. */
export async function ending(peer: RawPeer): Promise<unknown> {
  const last = (await peer.untilEnd()).at(-1)
  return last?.type === FRAME.ERROR ? (JSON.parse(last.data.toString()) as unknown) : last?.type
}

/** The first chunk of a stream, which is left. */
async function first(stream: AsyncIterable<unknown>): Promise<unknown> {
  for await (const chunk of stream) return chunk
  return undefined
}

/** A server with handlers and subscribers, attackers, and a good client, whose work goes on whatever they do. */
export class Siege implements AsyncDisposable {
  readonly server: Server<string, string, Talked>
  readonly good: Client<string, string, Talked>
  readonly warnings: string[] = []
  /** Why connections ended; not the errors, whose stacks hold what they were made in. */
  readonly losses: { code: string; limit: string | undefined }[] = []
  /** Payloads of requests that reached a handler, but for those of the good client. */
  readonly begun: unknown[] = []
  /** Signals that fired for those that heed them. */
  stopped = 0
  /** Chunks that streams without end have made. */
  produced = 0
  readonly rejections: unknown[] = []
  readonly #peers: RawPeer[] = []
  #end!: () => void
  readonly #over: Promise<void> = new Promise((resolve) => (this.#end = resolve))
  readonly #note = (reason: unknown): void => void this.rejections.push(reason)

  private constructor(server: Server<string, string, Talked>, good: Client<string, string, Talked>) {
    this.server = server
    this.good = good
    process.on('unhandledRejection', this.#note)
    server.on('warning', ({ error }) => this.warnings.push(error.code))
    server.on(
      'disconnect',
      ({ error }) => error !== undefined && this.losses.push({ code: error.code, limit: error.limit }),
    )
    this.#handleAll()
  }

  static async lay(options: ServerOptions<string, string, Talked> = {}): Promise<Siege> {
    const shared = { item: text(), result: text(), messages, transports: attacked.transports }
    const server = await listen<string, string, Talked>(attacked.address, { ...shared, ...options })
    const good = await connect<string, string, Talked>(server.address as string, { ...shared, id: 'good' })
    void good.process((item) => `${item}!`).catch(() => {})
    good.handle('any:echo', (value) => value)
    return new Siege(server, good)
  }

  /** Somebody who has introduced itself, and knows all names. */
  async attacker(id = 'bad', more: Record<string, unknown> = {}): Promise<RawPeer> {
    const peer = await RawPeer.dial(this.server.address)
    this.#peers.push(peer)
    peer.send(frame(FRAME.CONN, hello(id)))
    await peer.next()
    peer.send(frame(FRAME.WELCOME, welcome(id, { limits: LIMITS, messages: TABLE, ...more })))
    await peer.next()
    await peer.next()
    return peer
  }

  /** The good client asks and is asked, streams, sends and works, and gets what it should. */
  async goesOn(): Promise<void> {
    const { server, good } = this
    const heard = new Promise((resolve) => {
      const off = good.on('news:any', ({ payload }) => {
        off()
        resolve(payload)
      })
    })
    const all: unknown[] = await Promise.all([
      server.submit('item'),
      good.request('any:echo', 'asks'),
      server.request('any:echo', 'is asked', { to: this.#goodClient }),
      first(good.stream('any:count', 'good')),
      server.send('news:any', 'hears', { to: this.#goodClient }).then(() => heard),
    ])
    const expected = ['item!', 'asks', 'is asked', 0, 'hears']
    if (JSON.stringify(all) !== JSON.stringify(expected)) throw new Error(`The good client got ${JSON.stringify(all)}`)
  }

  /** The good client goes on until something has happened. */
  async while<T>(attack: Promise<T>): Promise<T> {
    const state = { isOver: false }
    const ended = attack.finally(() => (state.isOver = true))
    do await this.goesOn()
    while (!state.isOver)
    return ended
  }

  /** All attackers leave without a word. */
  async lift(): Promise<void> {
    for (const peer of this.#peers.splice(0)) peer.cut()
    await until(() => this.server.clients.length === 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lift()
    await this.goesOn()
    this.#end()
    await this.good.close()
    await this.server.close()
    process.off('unhandledRejection', this.#note)
    if (this.rejections.length > 0) throw new AggregateError(this.rejections, 'Rejections that nobody handled')
  }

  get #goodClient(): Server['clients'][number] {
    const client = this.server.clients.find(({ id }) => id === 'good')
    if (client === undefined) throw new Error('The good client is gone')
    return client
  }

  #handleAll(): void {
    const { server } = this
    for (const name of ['any:echo', 'any:json', 'any:text'] as const) server.handle(name, (value) => value as string)
    server.handle('any:never', (value) => this.#never(value))
    server.handle('any:heed', async (value, { signal }) => {
      this.begun.push(value)
      return new Promise((_, reject) => {
        const stop = (): void => {
          this.stopped += 1
          reject(signal.reason as Error)
        }
        if (signal.aborted) stop()
        else signal.addEventListener('abort', stop)
      })
    })
    server.handle('any:count', (value) => this.#count(value))
    server.handle('any:read', async (value, { body }) => {
      await body.next()
      return this.#never(value)
    })
  }

  async *#count(value: unknown): AsyncGenerator<number> {
    for (let n = 0; ; n += 1) {
      if (value !== 'good') this.produced += 1
      yield n
    }
  }

  #never(value: unknown): Promise<void> {
    this.begun.push(value)
    return this.#over
  }
}

/** Attackers say that they take much. */
const LIMITS = { frameBytes: 65_536, itemBytes: 1_048_576, unsettled: 1_024 }
