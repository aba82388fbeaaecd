import { decode, Encoder } from '@msgpack/msgpack'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { NetQueueError } from '../errors/errors.ts'
import { checkClaims } from './msgpack-claims.ts'

/**
 * Turns values into bytes and back. Both ends announce the names of theirs, and a connection between different names fails
 * with `CODEC_MISMATCH`. Both functions are synchronous; what they throw becomes `ENCODE_FAILED` and `DECODE_FAILED`.
 */
export interface Codec<T> {
  /** 1 to 128 letters, digits and `_ . : / + -`. */
  readonly name: string
  /** The bytes must not change afterwards: they may be sent again, and long ones are sent from where they are. */
  encode(value: T): Uint8Array
  /** The bytes are a view that must not be changed; a value that keeps part of them should copy that part. */
  decode(bytes: Uint8Array): T
  /** Checks a value that came as mere text, from a peer whose protocol has no codecs. @default no check */
  check?(value: unknown): T
}

/**
 * What options take where values are described: a codec, or a Standard Schema (zod, valibot, arktype …), which then travels as msgpack and
 * is checked on both ends: a schema that transforms must take its own output again.
 */
export type Shape<T> = Codec<T> | StandardSchemaV1<unknown, T>

const MAX_DEPTH = 64
/** Longest item after which the encoder's buffer, which is as long, is kept. */
const MAX_KEPT_BYTES = 65_536

/** Most values of JavaScript, compactly: plain objects, arrays, strings, numbers, bytes, dates, `null`. `undefined` travels as `null`. The default. */
export function msgpack<T = unknown>(): Codec<T> {
  const make = (): Encoder => new Encoder({ maxDepth: MAX_DEPTH, ignoreUndefined: true })
  // Kept, as making one for each item costs three times as much as encoding it; not with the buffer of a long item.
  let encoder = make()
  return {
    name: 'msgpack',
    encode: (value) => {
      let bytes = Number.POSITIVE_INFINITY // of what it does not take, too
      try {
        const encoded = encoder.encode(value)
        bytes = encoded.length
        return encoded
      } finally {
        if (bytes > MAX_KEPT_BYTES) encoder = make()
      }
    },
    decode: (bytes) => {
      checkClaims(bytes, MAX_DEPTH)
      return decode(bytes, { maxArrayLength: bytes.length }) as T
    },
  }
}

const toBytes = new TextEncoder()
const toText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** JSON text. */
export function json<T = unknown>(): Codec<T> {
  return {
    name: 'json',
    encode: (value) => {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new TypeError(`JSON has no word for ${typeof value}`)
      return toBytes.encode(text)
    },
    decode: (bytes) => JSON.parse(toText.decode(bytes)) as T,
  }
}

/** Strings as UTF-8. */
export function text(): Codec<string> {
  return { name: 'text', encode: (value) => toBytes.encode(value), decode: (bytes) => toText.decode(bytes) }
}

/**
 * Bytes as they are. Items of up to 2 KiB share memory, 8 KiB of it: keeping one keeps what came with it, and one whose buffer is to be
 * transferred to another thread must be copied first, or its neighbours lose theirs.
 */
export function bytes(): Codec<Uint8Array> {
  return {
    name: 'bytes',
    encode: (value) => value,
    decode: (value) => value,
  }
}

/** What travels in an introduction as the name of a codec. */
const NAME = /^[\w.:/+-]{1,128}$/

const isCodec = <T>(shape: Shape<T>): shape is Codec<T> =>
  'encode' in shape && 'decode' in shape && 'name' in shape && NAME.test(shape.name)

function validated<T>(schema: StandardSchemaV1<unknown, T>): Codec<T> {
  const inner = msgpack()
  const check = (value: unknown): T => {
    const outcome = schema['~standard'].validate(value)
    if (outcome instanceof Promise) {
      outcome.catch(() => {}) // it may reject, for what a peer sent, and nobody waits for it
      throw new TypeError('Expected the schema to validate synchronously, got a promise')
    }
    if (outcome.issues !== undefined) throw new TypeError(outcome.issues.map(issueText).join('; '))
    return outcome.value
  }
  return {
    name: inner.name,
    check,
    encode: (value) => inner.encode(check(value)),
    decode: (encoded) => check(inner.decode(encoded)),
  }
}

function issueText({ path = [], message }: StandardSchemaV1.Issue): string {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
}

/** The codec that a {@link Shape} stands for; msgpack without checks where none is given. */
export function codecFrom<T>(option: string, shape: Shape<T> | undefined): Codec<T> {
  if (shape === undefined) return msgpack<T>()
  if (Object(shape) === shape) {
    // First, for schemas of zod have methods `encode` and `decode` too, which give no bytes.
    if ('~standard' in shape) return validated(shape)
    if (isCodec(shape)) return shape
  }
  const rule = `Expected \`${option}\` to be a codec with name, encode and decode, or a Standard Schema`
  throw new TypeError(`${rule}, got \`${JSON.stringify(shape)}\``)
}

/** Encodes within a limit. Rejects with `ENCODE_FAILED` and `ITEM_TOO_LARGE`; nothing was sent then. */
export function encodeWithin<T>(codec: Codec<T>, value: T, maxItemBytes: number): Uint8Array {
  const payload = encoded(codec, value)
  if (payload.length <= maxItemBytes) return payload
  const message = `Expected an item of at most ${maxItemBytes} bytes (maxItemBytes), got ${payload.length}`
  throw new NetQueueError('ITEM_TOO_LARGE', message, {
    limit: 'maxItemBytes',
    value: payload.length,
    delivered: 'no',
  })
}

function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  try {
    const payload = codec.encode(value)
    if (payload instanceof Uint8Array) return payload
    Promise.resolve(payload as unknown).catch(() => {}) // of an asynchronous codec, which nobody waits for
    throw new TypeError(`Expected encode() to return a Uint8Array, got ${typeof payload}`)
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    const message = `The codec or schema (${codec.name}) does not take the item${why}`
    throw new NetQueueError('ENCODE_FAILED', message, { cause, delivered: 'no' })
  }
}

/** Decodes what a peer sent; throws `DECODE_FAILED`. */
export function decodeWith<T>(codec: Codec<T>, payload: Uint8Array): T {
  try {
    return codec.decode(payload)
  } catch (cause) {
    const message = `The codec or schema (${codec.name}) does not take what the peer sent`
    throw new NetQueueError('DECODE_FAILED', message, { cause })
  }
}
