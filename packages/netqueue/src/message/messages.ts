import type { StandardSchemaV1 } from '@standard-schema/spec'
import { RecentMap } from '../queue/recent-map.ts'
import { entriesFrom } from './definition.ts'
import type { MessageDefinition, MessageDefinitions, MessageEntry, MessagePart } from './definition.ts'

/** The messages of one side, by name: what {@link defineMessages} makes. They do not change; `extend` and `omit` make others. */
export interface Messages<D extends MessageDefinitions = MessageDefinitions> extends Iterable<MessageEntry> {
  readonly definitions: D
  readonly size: number
  /** Looks a message up by its name, its id or its definition; of several with one definition, the first. */
  get<N extends keyof D & string>(name: N): MessageEntry<D[N]>
  get(key: string | number | MessageDefinition): MessageEntry | undefined
  /** These and more, whose ids are chosen from those that are free. Throws as {@link defineMessages} does; names that are here are taken. */
  extend<const E extends MessageDefinitions>(more: E & Checked<E> & Without<keyof D>): Messages<Flat<D & E>>
  /** These without some; the others keep their ids. Throws a `TypeError` for names that are not here. */
  omit<N extends keyof D & string>(...names: N[]): Messages<Flat<Omit<D, N>>>
}

/** Names of messages without a reply: for `send`, `broadcast` and `messages`. */
export type MessageName<M extends Messages> = string extends AnyName<M> ? string : Exclude<AnyName<M>, RequestName<M>>
/** Names of messages with a reply: for `request` and `handle`. */
export type RequestName<M extends Messages> =
  string extends AnyName<M>
    ? string
    : { [N in AnyName<M>]: M['definitions'][N] extends { readonly reply: StandardSchemaV1 } ? N : never }[AnyName<M>]
/** What a sender gives for the payload of a message. */
export type PayloadInput<M extends Messages, N extends AnyName<M>> = StandardSchemaV1.InferInput<
  M['definitions'][N]['payload']
>
/** What a receiver gets as the payload of a message. */
export type Payload<M extends Messages, N extends AnyName<M>> = StandardSchemaV1.InferOutput<
  M['definitions'][N]['payload']
>
/** What a handler gives for the reply to a request. */
export type ReplyInput<M extends Messages, N extends RequestName<M>> = StandardSchemaV1.InferInput<
  NonNullable<M['definitions'][N]['reply']>
>
/** What a requester gets as the reply. */
export type Reply<M extends Messages, N extends RequestName<M>> = StandardSchemaV1.InferOutput<
  NonNullable<M['definitions'][N]['reply']>
>
/** What a requester gives for each chunk of the stream that comes along. */
export type BodyInput<M extends Messages, N extends RequestName<M>> = StandardSchemaV1.InferInput<
  NonNullable<M['definitions'][N]['body']>
>
/** What a handler gets as each chunk of that stream. */
export type Body<M extends Messages, N extends RequestName<M>> = StandardSchemaV1.InferOutput<
  NonNullable<M['definitions'][N]['body']>
>

/** Any text, where nothing is known of the definitions. */
type AnyName<M extends Messages> = keyof M['definitions'] & string

type Flat<D> = { readonly [N in keyof D]: D[N] }
/** Nothing can be said of names that are not known. */
type Without<N extends PropertyKey> = string extends N ? unknown : { readonly [K in N]?: never }

/** What definitions must be beyond their type: spelt as they are meant, and of values that their codecs take. */
type Checked<D extends MessageDefinitions> = { readonly [N in keyof D]: CheckedDefinition<D[N]> }
type CheckedDefinition<D extends MessageDefinition> = {
  readonly [K in keyof D]: K extends 'codec' ? Taking<Carried<D>> : K extends keyof MessageDefinition ? D[K] : never
}
/** Not a method, as the parameters of methods are compared both ways. */
type Taking<T> = { readonly encode: (value: T) => Uint8Array }
type Carried<D extends MessageDefinition> = {
  [Part in MessagePart]: D extends { readonly [K in Part]: infer S extends StandardSchemaV1 }
    ? StandardSchemaV1.InferInput<S>
    : never
}[MessagePart]

/**
 * Gives messages their types, for both ends: `{ 'app:name': { payload, reply?, codec?, id? } }`. Names have 1 to 128 bytes of UTF-8 and
 * no control characters. Throws a `TypeError` for what is no definition, and a `RangeError` for a name or an id that breaks its rule or
 * is taken, and for more than 1,024 messages.
 */
export function defineMessages<const D extends MessageDefinitions>(definitions: D & Checked<D>): Messages<Flat<D>> {
  return new MessageTable<Flat<D>>(entriesFrom(definitions, []))
}

/** Messages by name, id and definition. */
export class MessageTable<D extends MessageDefinitions = MessageDefinitions> implements Messages<D> {
  readonly definitions: D
  readonly byName: ReadonlyMap<string, MessageEntry>
  readonly byId: ReadonlyMap<number, MessageEntry>
  readonly #byDefinition: ReadonlyMap<MessageDefinition, MessageEntry>

  constructor(entries: readonly MessageEntry[]) {
    this.definitions = Object.freeze(Object.fromEntries(entries.map(({ name, definition }) => [name, definition]))) as D
    this.byName = new RecentMap(entries.map((entry) => [entry.name, entry]))
    this.byId = new RecentMap(entries.map((entry) => [entry.id, entry]))
    // From the last one on: the first is what stays.
    this.#byDefinition = new Map(entries.toReversed().map((entry) => [entry.definition, entry]))
  }

  get size(): number {
    return this.byName.size
  }

  [Symbol.iterator](): Iterator<MessageEntry> {
    return this.byName.values()
  }

  get<N extends keyof D & string>(name: N): MessageEntry<D[N]>
  get(key: string | number | MessageDefinition): MessageEntry | undefined
  get(key: string | number | MessageDefinition): MessageEntry | undefined {
    if (typeof key === 'string') return this.byName.get(key)
    return typeof key === 'number' ? this.byId.get(key) : this.#byDefinition.get(key)
  }

  extend<const E extends MessageDefinitions>(more: E): Messages<Flat<D & E>> {
    const entries = [...this]
    return new MessageTable<Flat<D & E>>([...entries, ...entriesFrom(more, entries)])
  }

  omit<N extends keyof D & string>(...names: N[]): Messages<Flat<Omit<D, N>>> {
    const unknown = names.find((name) => !this.byName.has(name))
    if (unknown !== undefined)
      throw new TypeError(`Expected names of messages that are defined, got ${JSON.stringify(unknown)}`)
    const omitted = new Set<string>(names)
    return new MessageTable<Flat<Omit<D, N>>>([...this].filter(({ name }) => !omitted.has(name)))
  }
}
