import type { Headers } from '../../message/headers.ts'
import type { Route } from '../../message/route.ts'
import type { Shelf } from '../payloads.ts'
import type { Direction, Message } from '../message.ts'
import { badMessage, itemTooLarge } from '../failures.ts'
import type { ByteReader } from './bytes.ts'
import { readHeaders } from './header-block.ts'
import { readFailure, readNumber } from './record-fields.ts'
import { DIRECTIONS, Kind, MAX_CHANNEL, MessageFlag, RequestFlag, ResponseFlag } from './record-kinds.ts'
import { readRoute } from './route-block.ts'

const REQUEST_FLAGS = RequestFlag.HEADERS | RequestFlag.STREAM | RequestFlag.DEADLINE | RequestFlag.PATH
const MESSAGE_FLAGS = MessageFlag.HEADERS | MessageFlag.PATH | MessageFlag.EXCEPT
const RESPONSE_FLAGS = ResponseFlag.HEADERS | ResponseFlag.STREAM | ResponseFlag.FAILED | ResponseFlag.UNBEGUN

/** Reads the records of requests, streams and messages. Tags are looked at by whoever keeps the requests. */
export class RequestReader {
  readonly #maxItemBytes: number
  readonly #payloads: Shelf

  /** `payloads` is what they are copied to: whoever has one keeps no frame. */
  constructor(maxItemBytes: number, payloads: Shelf) {
    this.#maxItemBytes = maxItemBytes
    this.#payloads = payloads
  }

  /** The body of a record of one of these kinds. */
  read(kind: number, reader: ByteReader): Message {
    switch (kind) {
      case Kind.REQUEST:
        return this.#request(reader)
      case Kind.RESPONSE:
        return this.#response(reader)
      case Kind.MESSAGE:
        return this.#message(reader)
      case Kind.CHUNK:
        return { type: 'chunk', tag: readNumber(reader), direction: direction(reader), payload: this.#payload(reader) }
      case Kind.CHUNK_CREDIT:
        return chunkCredit(reader)
      case Kind.CHUNK_END:
        return { type: 'chunkEnd', tag: readNumber(reader), direction: direction(reader), ...readFailure(reader) }
      default:
        return { type: 'endRequests' }
    }
  }

  #request(reader: ByteReader): Message {
    const tag = readNumber(reader)
    const channel = reader.varint()
    if (channel > MAX_CHANNEL)
      throw badMessage(`a REQUEST in channel ${channel}; the last one is ${MAX_CHANNEL}`, channel)
    const flags = readFlags(reader, REQUEST_FLAGS)
    const name = reader.varint()
    const deadlineMs = (flags & RequestFlag.DEADLINE) === 0 ? undefined : reader.varint()
    const from = reader.at
    const route = this.#route(reader, name, (flags & RequestFlag.PATH) !== 0, false)
    const headers = this.#headers(reader, flags)
    const hasBody = (flags & RequestFlag.STREAM) !== 0
    const payload = this.#payload(reader, from)
    return { type: 'request', tag, channel, name, deadlineMs, headers, hasBody, payload, route }
  }

  #response(reader: ByteReader): Message {
    const tag = readNumber(reader)
    const flags = readFlags(reader, RESPONSE_FLAGS)
    const hasStream = (flags & ResponseFlag.STREAM) !== 0
    const isUnbegun = (flags & ResponseFlag.UNBEGUN) !== 0
    const from = reader.at
    const headers = this.#headers(reader, flags)
    if (isUnbegun && (flags & ResponseFlag.FAILED) === 0)
      throw badMessage('a RESPONSE that was not begun and has not failed', flags)
    if ((flags & ResponseFlag.FAILED) === 0)
      return { type: 'response', tag, headers, hasStream, payload: this.#payload(reader, from) }
    if (hasStream) throw badMessage('a RESPONSE that failed and streams', flags)
    return { type: 'refusal', tag, headers, ...readFailure(reader), ...(isUnbegun && { isUnbegun }) }
  }

  #message(reader: ByteReader): Message {
    const name = reader.varint()
    const flags = readFlags(reader, MESSAGE_FLAGS)
    const from = reader.at
    const [hasPath, hasExceptions] = [(flags & MessageFlag.PATH) !== 0, (flags & MessageFlag.EXCEPT) !== 0]
    const route = this.#route(reader, name, hasPath, hasExceptions)
    const headers = this.#headers(reader, flags)
    return { type: 'message', name, headers, payload: this.#payload(reader, from), route }
  }

  /** Most have none: what they ask for has an id, and is for whoever gets it. */
  #route(reader: ByteReader, name: number, hasPath: boolean, hasExceptions: boolean): Route | undefined {
    if (name !== 0 && !hasPath && !hasExceptions) return undefined
    return readRoute(reader, { isNamed: name === 0, hasPath, hasExceptions })
  }

  #headers(reader: ByteReader, flags: number): Headers | undefined {
    if ((flags & RequestFlag.HEADERS) === 0) return undefined
    const from = reader.at
    const headers = readHeaders(reader)
    this.#check(reader.at - from)
    return headers
  }

  /** `from` is where its headers begin. */
  #payload(reader: ByteReader, from: number = reader.at): Uint8Array {
    const headerBytes = reader.at - from
    const length = reader.skip()
    this.#check(headerBytes + length)
    return reader.last(length, this.#payloads)
  }

  /** Headers are a part of what they stand before. */
  #check(bytes: number): void {
    if (bytes > this.#maxItemBytes) throw itemTooLarge(bytes, this.#maxItemBytes)
  }
}

/** `known` are all bits up to the highest. */
function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8()
  if (flags <= known) return flags
  throw badMessage('a record with flags that have no meaning', flags)
}

function direction(reader: ByteReader): Direction {
  const index = reader.u8()
  const found = DIRECTIONS[index]
  if (found !== undefined) return found
  throw badMessage('a stream in a direction that has no meaning', index)
}

function chunkCredit(reader: ByteReader): Message {
  const tag = readNumber(reader)
  const of = direction(reader)
  return { type: 'chunkCredit', tag, direction: of, chunks: reader.varint(), bytes: reader.varint() }
}
