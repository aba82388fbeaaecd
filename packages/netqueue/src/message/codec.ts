import { decode, Encoder } from '@msgpack/msgpack'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkInteger } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { checkJson, parseJson } from './json-claims.ts'
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

/** What a codec takes of a value, in either direction. Whoever gives more finds out where the value is, not at the other end. */
export interface ValueLimits {
  /** Levels of arrays and objects. @default 64 */
  maxDepth?: number
  /** Values, keys of objects included: each takes many times its bytes. @default 100_000 */
  maxNodes?: number
}

const valueLimits = ({ maxDepth = 64, maxNodes = 100_000 }: ValueLimits): Required<ValueLimits> => {
  checkInteger('maxDepth', maxDepth, 1, 1_000) // deeper ones overflow the stack of whoever walks through them
  checkInteger('maxNodes', maxNodes, 1)
  return { maxDepth, maxNodes }
}

/** Longest item after which the encoder's buffer, which is as long, is kept. */
const MAX_KEPT_BYTES = 65_536

/** Most values of JavaScript, compactly: plain objects, arrays, strings, numbers, bytes, dates, `null`. `undefined` travels as `null`. The default. */
export function msgpack<T = unknown>(limits: ValueLimits = {}): Codec<T> {
  const { maxDepth, maxNodes } = valueLimits(limits)
  // It counts what is inside the last level as a level too.
  const make = (): Encoder => new Encoder({ maxDepth: maxDepth + 1, ignoreUndefined: true })
  // Kept, as making one for each item costs three times as much as encoding it; not with the buffer of a long item.
  let encoder = make()
  return {
    name: 'msgpack',
    encode: (value) => {
      let bytes = Number.POSITIVE_INFINITY // of what it does not take, too
      try {
        const encoded = encoder.encode(value)
        bytes = encoded.length
        if (bytes > maxNodes) checkClaims(encoded, maxDepth, maxNodes)
        return encoded
      } finally {
        if (bytes > MAX_KEPT_BYTES) encoder = make()
      }
    },
    decode: (bytes) => {
      checkClaims(bytes, maxDepth, maxNodes)
      return decode(bytes, { maxArrayLength: bytes.length }) as T
    },
  }
}

const toBytes = new TextEncoder()
const toText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** JSON text. An object with a key `__proto__` is refused, as msgpack refuses it. */
export function json<T = unknown>(limits: ValueLimits = {}): Codec<T> {
  const { maxDepth, maxNodes } = valueLimits(limits)
  return {
    name: 'json',
    encode: (value) => {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new TypeError(`JSON has no word for ${typeof value}`)
      const bytes = toBytes.encode(text)
      checkJson(bytes, maxDepth, maxNodes)
      return bytes
    },
    decode: (bytes) => {
      checkJson(bytes, maxDepth, maxNodes)
      return parseJson(toText.decode(bytes)) as T
    },
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
export const isCodecName = (name: string): boolean => NAME.test(name)

const isCodec = <T>(shape: Shape<T>): shape is Codec<T> =>
  'encode' in shape && 'decode' in shape && 'name' in shape && isCodecName(shape.name)

/** Why a schema refuses a value. */
class SchemaError extends TypeError {
  override name = 'SchemaError'
}

/** What a schema makes of a value; throws for one that it refuses. */
function checkBy<T>(schema: StandardSchemaV1<unknown, T>, value: unknown): T {
  const outcome = outcomeOf(schema, value)
  if (outcome instanceof Promise) {
    outcome.catch(() => {}) // it may reject, for what a peer sent, and nobody waits for it
    throw new SchemaError('Expected the schema to validate synchronously, got a promise')
  }
  if (outcome.issues !== undefined) throw new SchemaError(outcome.issues.map(issueText).join('; '))
  return outcome.value
}

/** A schema that throws, in a transform of the user's, refuses as well. */
function outcomeOf<T>(
  schema: StandardSchemaV1<unknown, T>,
  value: unknown,
): ReturnType<StandardSchemaV1<unknown, T>['~standard']['validate']> {
  try {
    return schema['~standard'].validate(value)
  } catch (cause) {
    throw new SchemaError(textOf(cause), { cause })
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function validated<T>(schema: StandardSchemaV1<unknown, T>): Codec<T> {
  const inner = msgpack()
  const check = (value: unknown): T => checkBy(schema, value)
  return {
    name: inner.name,
    check,
    encode: (value) => inner.encode(check(value)),
    decode: (encoded) => check(inner.decode(encoded)),
  }
}

const NOTHING = new Uint8Array(0)
/** Codecs that make at least one byte of every value. */
const NEVER_EMPTY: ReadonlySet<string> = new Set(['msgpack', 'json'])

/** How a part of a message travels. */
export interface PartCodec extends Codec<unknown> {
  /** What errors call it. */
  readonly what: string
}

export interface PartInit {
  codec: Codec<unknown>
  schema: StandardSchemaV1 | undefined
  what: string
}

/**
 * A codec for a part of a message: what the schema takes travels as it was given, and the receiver's schema makes of it what arrives.
 * Where the codec allows it, no bytes at all are `undefined`, which neither msgpack nor JSON has.
 */
export function partCodec({ codec, schema, what }: PartInit): PartCodec {
  const { name } = codec
  const hasNothing = NEVER_EMPTY.has(name)
  const check = (value: unknown): unknown => (schema === undefined ? value : checkBy(schema, value))
  return {
    name,
    what,
    encode: (value) => {
      check(value)
      return value === undefined && hasNothing ? NOTHING : codec.encode(value)
    },
    decode: (encoded) => check(encoded.length === 0 && hasNothing ? undefined : codec.decode(encoded)),
  }
}

/** Throws a `TypeError` for what is no codec, such as a Standard Schema. */
export function checkCodec(option: string, codec: Codec<unknown>): void {
  if (Object(codec) === codec && isCodec(codec)) return
  throw new TypeError(
    `Expected \`${option}\` to be a codec with name, encode and decode, got \`${JSON.stringify(codec)}\``,
  )
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

/** Encodes an item within a limit. Throws `ENCODE_FAILED` and `ITEM_TOO_LARGE`; nothing was sent then. */
export function encodeWithin<T>(codec: Codec<T>, value: T, maxItemBytes: number): Uint8Array {
  const payload = encodeWith(codec, value, 'the item')
  if (payload.length <= maxItemBytes) return payload
  const message = `Expected an item of at most ${maxItemBytes} bytes (maxItemBytes), got ${payload.length}`
  throw new NetQueueError('ITEM_TOO_LARGE', message, {
    limit: 'maxItemBytes',
    value: payload.length,
    delivered: 'no',
  })
}

/** Encodes; throws `ENCODE_FAILED`, and nothing was sent then. `what` is what the error calls it. */
export function encodeWith<T>(codec: Codec<T>, value: T, what: string): Uint8Array {
  try {
    const payload = codec.encode(value)
    if (payload instanceof Uint8Array) return payload
    Promise.resolve(payload as unknown).catch(() => {}) // of an asynchronous codec, which nobody waits for
    throw new TypeError(`Expected encode() to return a Uint8Array, got ${typeof payload}`)
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    const message = `${refuserOf(codec, cause)} does not take ${what}${why}`
    throw new NetQueueError('ENCODE_FAILED', message, { cause, delivered: 'no' })
  }
}

/** Decodes what a peer sent; throws `DECODE_FAILED`. `what` is what the error calls it. */
export function decodeWith<T>(codec: Codec<T>, payload: Uint8Array, what: string = 'the item'): T {
  try {
    return codec.decode(payload)
  } catch (cause) {
    const message = `${refuserOf(codec, cause)} does not take ${what} that the peer sent`
    throw new NetQueueError('DECODE_FAILED', message, { cause })
  }
}

const refuserOf = ({ name }: { name: string }, cause: unknown): string =>
  cause instanceof SchemaError ? 'The schema' : `The codec ${name}`
