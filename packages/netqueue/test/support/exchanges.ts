import assert from 'node:assert/strict'

import { NetQueueError } from '../../src/errors/errors.ts'
import { native } from '../../src/protocol/net-queue/net-queue.ts'
import { Exchange } from '../../src/request/exchange.ts'
import type { ExchangeInit } from '../../src/request/exchange.ts'
import { Handlers } from '../../src/request/handlers.ts'
import type { Supports } from '../../src/protocol/supports.ts'
import { requestLimitDefaults } from '../../src/request/limits.ts'
import type { RequestLimits } from '../../src/request/limits.ts'
import type { ExchangeMessage, ExchangeWriter } from '../../src/request/mail.ts'
import { Subscriptions } from '../../src/request/subscriptions.ts'
import type { Vocabulary } from '../../src/request/vocabulary.ts'
import { turn } from './handles.ts'
import { Clock } from './nodes.ts'
import { newReader, newWriter } from './records.ts'

/** Values as JSON, and `undefined` as nothing; both ends call everything by the same ids. */
class Names implements Vocabulary {
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
  }

  idOf(name: string): number {
    const index = this.#names.indexOf(name)
    if (index < 0) throw new TypeError(`Expected the name of a message, got ${name}`)
    return 16 + index
  }

  nameOf(id: number): string | undefined {
    return this.#names[id - 16]
  }

  encode(_name: string, _part: string, value: unknown): Uint8Array {
    if (value === 'unfit') throw new NetQueueError('ENCODE_FAILED', 'The test wants this to fail')
    return value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value) ?? '')
  }

  decode(_name: string, _part: string, bytes: Uint8Array): unknown {
    if (bytes.byteLength === 0) return undefined
    if (bytes[0] === 0) return bytes
    try {
      return JSON.parse(new TextDecoder().decode(bytes))
    } catch (cause) {
      throw new NetQueueError('DECODE_FAILED', 'The test sent what is no JSON', { cause })
    }
  }
}

const RECORD_BYTES = 16

/** A record longer than a frame, on its way in pieces. */
interface Long {
  message: ExchangeMessage
  left: number
}

/** One direction of a connection. */
interface Direction {
  /** The messages whose last byte is in the next frame; `undefined` for no frame. */
  frame(fill: (writer: ExchangeWriter) => void): ExchangeMessage[] | undefined
}

/** One direction as netqueue/1 has it. */
class Records implements Direction {
  readonly #writer = newWriter()
  readonly #reader = newReader()

  frame(fill: (writer: ExchangeWriter) => void): ExchangeMessage[] | undefined {
    const frame = this.#writer.build(fill)
    if (frame === undefined) return undefined
    const messages: ExchangeMessage[] = []
    // A copy, without the two bytes of the type: the writer writes the next frame where this one is.
    const records = frame.subarray().slice(2)
    this.#reader.read(records, (message) => messages.push(message as ExchangeMessage))
    return messages
  }
}

/** One direction with frames of any size: cuts what an exchange writes into frames of so many bytes, long records into pieces by lane. */
class Frames implements Direction, ExchangeWriter {
  readonly #frameBytes: number
  readonly #long: Map<number, Long> = new Map()
  readonly #cancels: Set<number> = new Set()
  #messages: ExchangeMessage[] = []
  #left = 0

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes
  }

  frame(fill: (writer: ExchangeWriter) => void): ExchangeMessage[] | undefined {
    this.#messages = []
    this.#left = this.#frameBytes
    for (const [lane, long] of this.#long) this.#piece(lane, long)
    fill(this)
    const isEmpty = this.#left === this.#frameBytes && this.#messages.length === 0
    return isEmpty ? undefined : this.#messages
  }

  request(request: Parameters<ExchangeWriter['request']>[0]): boolean {
    return this.#write(request.channel + 3, { type: 'request', ...request }, request.payload.byteLength)
  }

  response({ channel, ...said }: Parameters<ExchangeWriter['response']>[0]): boolean {
    return this.#write(channel + 3, { type: 'response', ...said }, said.payload.byteLength)
  }

  refusal({ channel, ...said }: Parameters<ExchangeWriter['refusal']>[0]): boolean {
    return this.#write(channel + 3, { type: 'refusal', ...said }, 0)
  }

  message(message: Parameters<ExchangeWriter['message']>[0]): boolean {
    return this.#write(2, { type: 'message', ...message }, message.payload.byteLength)
  }

  chunk({ channel, ...said }: Parameters<ExchangeWriter['chunk']>[0]): boolean {
    return this.#write(channel + 3, { type: 'chunk', ...said }, said.payload.byteLength)
  }

  chunkCredit({ channel, ...said }: Parameters<ExchangeWriter['chunkCredit']>[0]): boolean {
    return this.#write(channel + 3, { type: 'chunkCredit', ...said }, 0)
  }

  chunkEnd({ channel, ...said }: Parameters<ExchangeWriter['chunkEnd']>[0]): boolean {
    return this.#write(channel + 3, { type: 'chunkEnd', ...said }, 0)
  }

  endRequests(): boolean {
    for (const { message } of this.#long.values()) if (message.type === 'request') return false
    return this.#write(3, { type: 'endRequests' }, 0)
  }

  cancelRequest({ tag }: { tag: number }): void {
    const isHalfSent = [...this.#long.values()].some(({ message }) => message.type === 'request' && message.tag === tag)
    if (isHalfSent) this.#cancels.add(tag)
    else this.#messages.push({ type: 'cancelRequest', tag })
  }

  #write(lane: number, message: ExchangeMessage, payloadBytes: number): boolean {
    if ('tag' in message) assert(message.tag >= 1, `Expected the tag of a ${message.type}, got ${message.tag}`)
    const bytes = payloadBytes + RECORD_BYTES
    if (this.#long.has(lane)) return false
    if (bytes <= this.#left) {
      this.#left -= bytes
      this.#messages.push(message)
      return true
    }
    if (bytes <= this.#frameBytes || this.#long.size >= 4 || this.#left === 0) return false
    const long = { message, left: bytes }
    this.#long.set(lane, long)
    this.#piece(lane, long)
    return true
  }

  #piece(lane: number, long: Long): void {
    const length = Math.min(long.left, Math.ceil(this.#frameBytes / (this.#long.size + 1)), this.#left)
    long.left -= length
    this.#left -= length
    if (long.left > 0) return
    const { message } = long
    this.#long.delete(lane)
    this.#messages.push(message)
    if (message.type === 'request' && this.#cancels.delete(message.tag)) this.cancelRequest(message)
  }
}

export interface EndOptions extends Partial<RequestLimits> {
  maxWaiting?: number
  maxItemBytes?: number
  exposeErrors?: boolean
  /** Whether the protocol has requests and messages at all, or what it has. */
  supports?: boolean | Partial<Supports>
}

export interface PairOptions {
  /** Longest frame, or frames of netqueue/1. @default 61_440 */
  frameBytes?: number | 'netqueue/1'
  names?: readonly string[]
  here?: EndOptions
  there?: EndOptions
  /** Those of the other side, shared with other pairs. */
  handlers?: Handlers
}

/** One side of a pair. */
export class End {
  readonly exchange: Exchange<string>
  readonly handlers: Handlers
  readonly subscriptions: Subscriptions<string>
  readonly warnings: NetQueueError[] = []
  /** All that the other side was told. */
  readonly sent: ExchangeMessage[] = []
  /** Why the connection was ended by this side. */
  error: unknown
  /** Nothing of what this side has to say gets on its way. */
  isStuck = false
  isAwake = false
  readonly #out: Direction

  constructor(
    clock: Clock,
    name: string,
    peer: string,
    { frameBytes = 61_440, names = NAMES, handlers = new Handlers() }: PairOptions,
    own: EndOptions,
  ) {
    this.handlers = name === 'there' ? handlers : new Handlers()
    const { maxWaiting = 1_000, maxItemBytes = 1_048_576, exposeErrors = false, supports = true, ...limits } = own
    this.#out = frameBytes === 'netqueue/1' ? new Records() : new Frames(frameBytes)
    const all = { ...requestLimitDefaults, maxWaiting, maxItemBytes, ...limits }
    const warn = (error: NetQueueError): void => void this.warnings.push(error)
    this.subscriptions = new Subscriptions<string>({ limits: all, warn })
    const init: ExchangeInit<string> = {
      env: clock,
      limits: all,
      vocabulary: new Names(names),
      handlers: this.handlers,
      subscriptions: this.subscriptions,
      from: () => peer,
      exposeErrors,
      wake: () => (this.isAwake = true),
      flush: () => {},
      warn,
      asked: () => {},
      changed: () => {},
    }
    this.exchange = new Exchange<string>(init)
    this.name = name
    this.exchange.opened({ protocol: 'test', supports: supportsOf(supports), maxItemBytes })
  }

  readonly name: string

  /** What leaves now. */
  frame(): ExchangeMessage[] | undefined {
    if (this.isStuck) return undefined
    this.isAwake = false
    const messages = this.#out.frame((writer) => void this.exchange.fill(writer))
    if (messages !== undefined) this.isAwake = true
    this.sent.push(...(messages ?? []))
    return messages
  }

  /** Names of what was said so far, and forgets it. */
  said(): string[] {
    return this.sent.splice(0).map(({ type }) => type)
  }
}

const NAMES = ['ask', 'other', 'news']

const supportsOf = (has: boolean | Partial<Supports>): Supports => ({
  ...native().supports,
  ...(typeof has === 'boolean' ? { request: has, stream: has, message: has } : has),
})

/** Two exchanges, joined frame by frame in one process. Time stands still until `clock` advances. */
export class Pair {
  readonly clock = new Clock()
  readonly here: End
  readonly there: End
  #isCut = false

  constructor(options: PairOptions = {}) {
    this.here = new End(this.clock, 'here', 'there', options, options.here ?? {})
    this.there = new End(this.clock, 'there', 'here', options, options.there ?? {})
  }

  /** Takes each frame that is there to the other side, until nothing moves any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 4;) {
      await turn()
      quiet = this.step() ? 0 : quiet + 1
    }
  }

  /** One frame from each side; tells whether there was one. */
  step(): boolean {
    const isFromHere = this.#carry(this.here, this.there)
    return this.#carry(this.there, this.here) || isFromHere
  }

  /** Lets so much time pass, in steps. */
  async pass(ms: number, step = ms): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left))
      await this.settle()
    }
  }

  /** The connection is gone, with what is under way. */
  cut(error: NetQueueError | undefined = new NetQueueError('CONNECTION_LOST', 'The cable was pulled')): void {
    if (this.#isCut) return
    this.#isCut = true
    for (const { exchange } of [this.here, this.there]) exchange.closed(error)
  }

  #carry(from: End, to: End): boolean {
    if (this.#isCut || !from.isAwake) return false
    const messages = from.frame()
    for (const message of messages ?? []) if (!this.#isCut) this.#take(to, message)
    return messages !== undefined
  }

  #take(to: End, message: ExchangeMessage): void {
    try {
      to.exchange.take(message)
    } catch (error) {
      to.error = error
      this.cut()
    }
  }
}

/** Watches a promise, so that nobody takes its rejection for unhandled; tells what became of it. */
export function watch<T>(promise: Promise<T>): { promise: Promise<T>; outcome: () => string } {
  let outcome = 'waits'
  promise.then(
    () => (outcome = 'resolved'),
    (error: { code?: string; name: string }) => (outcome = error.code ?? error.name),
  )
  return { promise, outcome: () => outcome }
}

/** What a call throws; `undefined` for nothing. */
export function thrownBy(call: (() => void) | undefined): unknown {
  try {
    call?.()
    return undefined
  } catch (error) {
    return error
  }
}
