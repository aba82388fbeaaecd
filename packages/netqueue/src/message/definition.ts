import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkInteger } from '../errors/check.ts'
import { checkCodec, msgpack, partCodec } from './codec.ts'
import type { Codec, PartCodec } from './codec.ts'
import { isName, MAX_NAME_BYTES } from './names.ts'

/** The lowest and the highest id that a message can have; those below are reserved. */
export const MIN_MESSAGE_ID = 16
export const MAX_MESSAGE_ID = 65_535
/** Most messages that one side defines. */
export const MAX_MESSAGES = 1_024

/** What is known of a message by its name. */
export interface MessageDefinition {
  /** Its number on the wire, 16 to 65,535. @default the lowest that is free, in the order of definition */
  readonly id?: number
  /**
   * What is sent: a Standard Schema (zod, valibot, arktype …), or {@link type} for a type that nobody checks. The sender checks it and
   * sends what it was given; the receiver checks it again and gets what its schema makes of it, so that a schema may transform.
   */
  readonly payload: StandardSchemaV1
  /** What answers it, or each chunk of a streamed answer, in the same way. @default none: a message without an answer */
  readonly reply?: StandardSchemaV1
  /** Of a request: each chunk of the stream that may come along with it, in the same way. @default anything that the codec takes */
  readonly body?: StandardSchemaV1
  /** How all of these travel; both ends must name the same codec. @default msgpack() */
  readonly codec?: Codec<unknown>
}

export type MessageDefinitions = Readonly<Record<string, MessageDefinition>>

/** One message among those that a side has defined. */
export interface MessageEntry<D extends MessageDefinition = MessageDefinition> {
  readonly name: string
  readonly id: number
  /** Whether it has a reply. */
  readonly isRequest: boolean
  /** The name of its codec. */
  readonly codec: string
  readonly definition: D
  /** @internal How each part travels, with its checks. */
  readonly parts: Readonly<Record<MessagePart, PartCodec>>
}

/** What of a message is encoded: what is sent, what answers it, or a chunk of the stream that comes along with a request. */
export type MessagePart = 'payload' | 'reply' | 'body'

const UNCHECKED: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'netqueue', validate: (value) => ({ value }) },
}

/**
 * A type for `payload`, `reply` and `body` that nobody checks at run time: it trusts the peer. What arrives may be anything that the codec
 * carries, `undefined` too, and neither handlers nor listeners are told. For a peer that is not yours, give a schema.
 */
export function type<T>(): StandardSchemaV1<T> {
  return UNCHECKED as StandardSchemaV1<T>
}

/** The entries of definitions, beside others that are there already. Throws for what is no definition, and for names and ids that are taken. */
export function entriesFrom(definitions: MessageDefinitions, present: readonly MessageEntry[]): MessageEntry[] {
  const named = checkedDefinitions(definitions, present)
  const ids = new Map(present.map(({ id, name }) => [id, name]))
  for (const [name, { id }] of named) if (id !== undefined) take(ids, id, name)
  let next = MIN_MESSAGE_ID
  return named.map(([name, definition]) => {
    while (definition.id === undefined && ids.has(next)) next += 1
    const id = definition.id ?? next
    ids.set(id, name)
    return entryOf(name, id, definition)
  })
}

function entryOf(name: string, id: number, definition: MessageDefinition): MessageEntry {
  const { payload, reply, body, codec = msgpack() } = definition
  const part = (part: MessagePart, given: StandardSchemaV1 | undefined): PartCodec =>
    partCodec({
      codec,
      schema: given === UNCHECKED ? undefined : given,
      what: `the ${part} of ${JSON.stringify(name)}`,
    })
  return Object.freeze({
    name,
    id,
    isRequest: reply !== undefined,
    codec: codec.name,
    definition,
    parts: { payload: part('payload', payload), reply: part('reply', reply), body: part('body', body) },
  })
}

function take(ids: Map<number, string>, id: number, name: string): void {
  const other = ids.get(id)
  ids.set(id, name)
  if (other === undefined) return
  throw new RangeError(`Expected ids that differ, got ${id} for ${JSON.stringify(other)} and ${JSON.stringify(name)}`)
}

function checkedDefinitions(
  definitions: MessageDefinitions,
  present: readonly MessageEntry[],
): [name: string, definition: MessageDefinition][] {
  checkPlain('messages', definitions)
  const named = Object.entries(definitions)
  const count = named.length + present.length
  if (count > MAX_MESSAGES) throw new RangeError(`Expected at most ${MAX_MESSAGES} messages, got ${count}`)
  const taken = new Set(present.map(({ name }) => name))
  for (const [name, definition] of named) {
    checkName(name)
    if (taken.has(name)) throw new RangeError(`Expected names that differ, got ${JSON.stringify(name)} again`)
    checkDefinition(`messages[${JSON.stringify(name)}]`, definition)
  }
  return named
}

/** What a literal `__proto__` makes has no names of its own; neither do instances of classes. */
function checkPlain(option: string, value: unknown): void {
  const prototype: unknown = Object(value) === value ? Object.getPrototypeOf(value) : undefined
  if (prototype === null || prototype === Object.prototype) return
  throw new TypeError(`Expected \`${option}\` to be a plain object, got \`${String(value)}\``)
}

function checkName(name: string): void {
  if (isName(name)) return
  const rule = `1 to ${MAX_NAME_BYTES} bytes of UTF-8 without control characters`
  throw new RangeError(`Expected names of messages to have ${rule}, got ${JSON.stringify(name)}`)
}

const KEYS: readonly string[] = ['id', 'payload', 'reply', 'body', 'codec']

function checkDefinition(option: string, definition: MessageDefinition): void {
  checkPlain(option, definition)
  const stranger = Object.keys(definition).find((key) => !KEYS.includes(key))
  if (stranger !== undefined)
    throw new TypeError(`Expected \`${option}\` to have no more than ${KEYS.join(', ')}, got \`${stranger}\``)
  const { id, payload, reply, body, codec } = definition
  if (id !== undefined) checkInteger(`${option}.id`, id, MIN_MESSAGE_ID, MAX_MESSAGE_ID)
  if (codec !== undefined) checkCodec(`${option}.codec`, codec)
  checkSchema(`${option}.payload`, payload)
  if (reply !== undefined) checkSchema(`${option}.reply`, reply)
  if (body === undefined) return
  checkSchema(`${option}.body`, body)
  if (reply === undefined) throw new TypeError(`Expected \`${option}\` to have a reply, as it has a body`)
}

function checkSchema(option: string, schema: StandardSchemaV1): void {
  const { validate } = (Object(schema) as Partial<StandardSchemaV1>)['~standard'] ?? {}
  if (typeof validate === 'function') return
  throw new TypeError(`Expected \`${option}\` to be a Standard Schema or type<T>(), got \`${JSON.stringify(schema)}\``)
}
