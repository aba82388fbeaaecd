import { checkOneOf } from '../errors/check.ts'
import { NetQueueError } from '../errors/errors.ts'
import { decodeWith, encodeWith } from './codec.ts'
import { notAuthorized } from './denials.ts'
import type { Action, Denials } from './denials.ts'
import type { MessageEntry, MessagePart } from './definition.ts'
import { MessageTable } from './messages.ts'
import type { Messages } from './messages.ts'
import type { Named } from './route.ts'

/**
 * Whose ids hold where both sides have a message by different ones. 'adapt': those of a peer that enforces its own; where neither does, each
 * keeps its own, and the other translates. 'enforce': one's own; a peer that enforces others is refused.
 */
export type MessageIds = 'adapt' | 'enforce'

export interface MessagesOptions<M extends Messages = Messages> {
  /**
   * What is sent and asked beside items: what {@link defineMessages} made, for both sides the same or of different ages. Of messages that
   * both have, kind and codec must agree (`MESSAGES_MISMATCH`). @default none
   */
  messages?: M
  /**
   * Whether this side takes over the ids of messages from the other or insists on its own (`MESSAGES_MISMATCH`). @default 'adapt'; of a server
   * that speaks packetmq, where one side has to do the one and the other side the other, 'enforce'
   */
  messageIds?: MessageIds
}

/** What a side announces of a message. */
export interface Announced {
  readonly id: number
  readonly isRequest: boolean
  /** The name of its codec. */
  readonly codec: string
}

/** What a side announces of its messages. */
export interface Announcement {
  readonly messages: ReadonlyMap<string, Announced>
  /** Whether it takes over the other side's ids. */
  readonly adapts: boolean
  /** Whether it passes on what it does not know. @default false */
  readonly isRelay?: boolean
}

/** The messages of one side, and whose ids it wants. */
export interface OwnMessages {
  readonly table: MessageTable
  readonly ids: MessageIds
  /** The same as its user said it. @default nothing was said */
  readonly wanted?: MessageIds | undefined
  /** How many of its requests it takes at a time, and of how many bytes. @default what a peer takes that does not say */
  readonly open?: OpenRequests
}

/** What one side takes of another's requests at a time. */
export interface OpenRequests {
  readonly count: number
  /** Of their payloads; one request may overshoot it. */
  readonly bytes: number
}

/** What a peer takes that does not say. */
export const USUAL_REQUESTS: OpenRequests = { count: 256, bytes: 16_777_216 }

const EMPTY = new MessageTable([])

/** Fills in the defaults; throws a `TypeError` for what are no messages. */
export function ownMessages({ messages = EMPTY, messageIds: wanted }: MessagesOptions): OwnMessages {
  const ids = wanted ?? 'adapt'
  checkOneOf('messageIds', ids, ['adapt', 'enforce'])
  if (messages instanceof MessageTable) return { table: messages, ids, wanted }
  throw new TypeError(`Expected \`messages\` to be made by defineMessages(), got \`${typeof messages}\``)
}

/** What a side has that says nothing of messages. */
export const NO_MESSAGES: OwnMessages = ownMessages({})

/** What a client may not do with the messages that both sides have, as its side or its server's knows. */
export interface Bans {
  readonly side: 'client' | 'server'
  readonly denials: Denials
}

/** The messages of one connection: what each side calls them, and how they travel. */
export class Registry {
  readonly #table: MessageTable
  /** What we call those that the peer has too. */
  readonly #ids: ReadonlyMap<string, { readonly id: number }>
  /** What the peer calls its own. */
  readonly #names: ReadonlyMap<number, Named>
  /** All that the peer has announced, where that is not what we have. */
  readonly #theirs: ReadonlyMap<string, Announced> | undefined
  /** Whether the peer passes on what it does not know. */
  readonly #isRelay: boolean
  readonly #bans: Bans | undefined

  /** Of two sides that do not differ ({@link mismatch}). */
  constructor({ table, ids }: OwnMessages, { messages: theirs, adapts, isRelay = false }: Announcement, bans?: Bans) {
    this.#isRelay = isRelay
    this.#table = table
    this.#bans = bans
    const common = [...table].filter(({ name }) => theirs.has(name))
    // What most connections have: nothing is kept for them.
    const isSame = common.length === theirs.size && common.length === table.size && !common.some(hasOtherId(theirs))
    if (isSame) {
      this.#ids = table.byName
      this.#names = table.byId
      return
    }
    const entryOf = ids === 'adapt' && !adapts ? ({ name }: MessageEntry) => theirs.get(name) as Announced : same
    this.#ids = new Map(common.map((entry) => [entry.name, entryOf(entry)]))
    this.#names =
      adapts && ids === 'enforce'
        ? new Map(common.map((entry) => [entry.id, entry]))
        : new Map(Array.from(theirs, ([name, { id, codec }]) => [id, { name, codec }]))
    this.#theirs = theirs
  }

  /** A message of ours. Throws a `TypeError` for a name that we have not defined. */
  entry(name: string): MessageEntry {
    const entry = this.#table.byName.get(name)
    if (entry !== undefined) return entry
    throw new TypeError(`Expected the name of one of this side's \`messages\`, got ${JSON.stringify(name)}`)
  }

  /** Whether both sides have a message of this name, and it may go from here to there. */
  has(name: string): boolean {
    return this.#ids.get(name) !== undefined && !this.#isDenied(this.entry(name))
  }

  /**
   * The id by which we call a message. Throws as {@link entry} does, `UNSUPPORTED` where the peer has no such message, and `NOT_AUTHORIZED` where
   * the client of the two may not use it.
   */
  idOf(name: string): number {
    const entry = this.entry(name)
    const known = this.#ids.get(name)
    if (known !== undefined) {
      if (this.#isDenied(entry)) throw this.#objection(entry)
      return known.id
    }
    if (this.#isRelay) return 0
    throw new NetQueueError('UNSUPPORTED', `The peer has no message ${JSON.stringify(name)}`, { delivered: 'no' })
  }

  /** What a message of ours is called anywhere. */
  named(name: string): Named {
    return this.entry(name)
  }

  /** The id of what is passed on, where both sides define it alike, otherwise 0. Throws `NOT_AUTHORIZED` where the client of the two may not use it. */
  idFor({ name, codec }: Named): number {
    const entry = this.#table.byName.get(name)
    const known = this.#ids.get(name)
    if (entry === undefined || known === undefined || entry.codec !== codec) return 0
    if (this.#isDenied(entry)) throw this.#objection(entry)
    return known.id
  }

  /** The names that the peer has announced. */
  get announced(): Iterable<string> {
    return (this.#theirs ?? this.#ids).keys()
  }

  /** Whether the peer has announced a message of this name, whether or not this side has it, and it may go from here to there. */
  announces(name: string): boolean {
    return this.has(name) || (this.#ids.get(name) === undefined && this.#theirs?.has(name) === true)
  }

  /** What the peer calls by this id. */
  namedBy(id: number): Named | undefined {
    return this.#names.get(id)
  }

  /** Whether a message that is asked for by name is ours. */
  fits({ name, codec }: Named): boolean {
    return this.#table.byName.get(name)?.codec === codec
  }

  /** The name of what the peer calls by this id, which we may not have defined; `undefined` for an id that it has not announced. */
  nameOf(id: number): string | undefined {
    return this.#names.get(id)?.name
  }

  /** Whether the peer may ask or send this. */
  admits(name: string): boolean {
    const entry = this.#bans?.side === 'server' ? this.#table.byName.get(name) : undefined
    return entry === undefined || this.#bans?.denials.denies(actionOf(entry), name) === false
  }

  /** Throws `ENCODE_FAILED`, and as {@link entry} does. */
  encode(name: string, part: MessagePart, value: unknown): Uint8Array {
    const codec = this.entry(name).parts[part]
    return encodeWith(codec, value, codec.what)
  }

  /** Throws `DECODE_FAILED`, and as {@link entry} does. */
  decode(name: string, part: MessagePart, bytes: Uint8Array): unknown {
    const codec = this.entry(name).parts[part]
    return decodeWith(codec, bytes, codec.what)
  }

  /** Whether it may not go from here to there. */
  #isDenied(entry: MessageEntry): boolean {
    return this.#bans !== undefined && this.#bans.denials.denies(this.#actionHere(entry), entry.name)
  }

  #actionHere(entry: MessageEntry): Action {
    return this.#bans?.side === 'server' ? 'subscribe' : actionOf(entry)
  }

  #objection(entry: MessageEntry): NetQueueError {
    const who = this.#bans?.side === 'server' ? 'The client' : 'This client'
    return notAuthorized(who, this.#actionHere(entry), entry.name)
  }
}

/** What a client does with a message. */
const actionOf = ({ isRequest }: MessageEntry): Action => (isRequest ? 'request' : 'send')

const same = (entry: MessageEntry): MessageEntry => entry
const hasOtherId =
  (theirs: ReadonlyMap<string, Announced>) =>
  ({ name, id }: MessageEntry): boolean =>
    theirs.get(name)?.id !== id

/** Most differences that a text lists; the error has all of them. */
const MAX_LISTED = 64

/** `MESSAGES_MISMATCH` where the two sides would not understand each other; its `value` lists why. */
export function mismatch({ table, ids }: OwnMessages, theirs: Announcement): NetQueueError | undefined {
  const bothEnforce = ids === 'enforce' && !theirs.adapts
  const value = [...table].flatMap((entry) => differences(entry, theirs.messages.get(entry.name), bothEnforce))
  if (value.length === 0) return undefined
  const more = value.length > MAX_LISTED ? `; and ${value.length - MAX_LISTED} more` : ''
  const message = `The two sides define messages differently: ${value.slice(0, MAX_LISTED).join('; ')}${more}`
  return new NetQueueError('MESSAGES_MISMATCH', message, { limit: 'messages', value })
}

function differences(ours: MessageEntry, theirs: Announced | undefined, bothEnforce: boolean): string[] {
  if (theirs === undefined) return []
  const found: string[] = []
  const name = JSON.stringify(ours.name)
  if (ours.isRequest !== theirs.isRequest)
    found.push(`${name} has ${ours.isRequest ? 'a reply here, none' : 'no reply here, one'} there`)
  if (ours.codec !== theirs.codec)
    found.push(`${name} has the codec ${JSON.stringify(ours.codec)} here, ${JSON.stringify(theirs.codec)} there`)
  if (bothEnforce && ours.id !== theirs.id) found.push(`${name} has the id ${ours.id} here, ${theirs.id} there`)
  return found
}
