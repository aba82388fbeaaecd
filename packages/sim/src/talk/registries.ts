import { defineMessages, json, text, type } from 'netqueue'
import type { Codec, MessageIds, Messages } from 'netqueue'
import type { Random } from '../random.ts'

type Texts = ReturnType<typeof type<string>>

/** Texts that begin so are refused by those who check. */
export const UNFIT = 'unfit'

const unchecked: Texts = type<string>()
const checked: Texts = {
  '~standard': {
    version: 1,
    vendor: 'netqueue-sim',
    validate: (value) =>
      typeof value === 'string' && !value.startsWith(UNFIT)
        ? { value }
        : { issues: [{ message: 'is not what this side takes' }] },
  },
}

/** A side that is newer has more messages. */
const NEW = ['ask:new', 'note:new'] as const
export const ASKS = ['ask:text', 'ask:json', 'ask:narrow', 'ask:new'] as const
export const NOTES = ['note:text', 'note:json', 'note:new'] as const
export type Ask = (typeof ASKS)[number]
export type Note = (typeof NOTES)[number]
type Name = Ask | Note

interface NoteDefinition {
  readonly payload: Texts
  readonly codec: Codec<string>
  readonly id: number
}

interface AskDefinition extends NoteDefinition {
  readonly reply: Texts
  readonly body: Texts
}

export type TalkMessages = Messages<Readonly<Record<Ask, AskDefinition> & Record<Note, NoteDefinition>>>

function define(values: Texts, idOf: (name: Name) => number): TalkMessages {
  const ask = { payload: values, reply: values, body: unchecked }
  return defineMessages({
    'ask:text': { ...ask, codec: text(), id: idOf('ask:text') },
    'ask:json': { ...ask, codec: json<string>(), id: idOf('ask:json') },
    'ask:narrow': { ...ask, codec: text(), id: idOf('ask:narrow') },
    'ask:new': { ...ask, codec: text(), id: idOf('ask:new') },
    'note:text': { payload: values, codec: text(), id: idOf('note:text') },
    'note:json': { payload: values, codec: json<string>(), id: idOf('note:json') },
    'note:new': { payload: values, codec: text(), id: idOf('note:new') },
  })
}

const NAMES: readonly Name[] = [...ASKS, ...NOTES]
const inOrder = (name: Name): number => 16 + NAMES.indexOf(name)
const shuffled = (name: Name): number => 22 - NAMES.indexOf(name)

/** The messages that one side has defined, and whose ids it wants. */
export interface Registry {
  readonly messages: TalkMessages
  readonly messageIds: MessageIds
  /** Whether it looks at what it is given. */
  readonly checks: boolean
  has(name: string): boolean
  idOf(name: string): number | undefined
}

interface Kind {
  checks: boolean
  isShuffled: boolean
  isOld: boolean
}

function make({ checks, isShuffled, isOld }: Kind): TalkMessages {
  const all = define(checks ? checked : unchecked, isShuffled ? shuffled : inOrder)
  return isOld ? (all.omit(...NEW) as unknown as TalkMessages) : all
}

/** All that there are, as to make them takes some time. */
const KINDS = [true, false].flatMap((checks) =>
  [true, false].flatMap((isShuffled) =>
    [true, false].map((isOld) => ({ checks, isShuffled, isOld, messages: make({ checks, isShuffled, isOld }) })),
  ),
)

export function drawRegistry(random: Random): Registry {
  const [checks, isShuffled, isOld] = [random.chance(0.3), random.chance(0.3), random.chance(0.3)]
  const messageIds = random.chance(0.3) ? 'enforce' : 'adapt'
  const kind = KINDS.find((each) => each.checks === checks && each.isShuffled === isShuffled && each.isOld === isOld)
  const { messages } = kind as (typeof KINDS)[number]
  return {
    messages,
    messageIds,
    checks,
    has: (name) => messages.get(name as Name) !== undefined,
    idOf: (name) => (messages.get(name as Name) as { id: number } | undefined)?.id,
  }
}

/** Whether two sides must refuse each other. */
export function differ(one: Registry, other: Registry): boolean {
  if (one.messageIds === 'adapt' || other.messageIds === 'adapt') return false
  return NAMES.some((name) => one.has(name) && other.has(name) && one.idOf(name) !== other.idOf(name))
}

/** The id that a record carries; a reading of docs/protocol.md §11.1 that shares no code with the library. */
export function idOnWire(sender: Registry, receiver: Registry, name: string): number | undefined {
  if (!receiver.has(name)) return undefined
  const isTaken = sender.messageIds === 'adapt' && receiver.messageIds === 'enforce'
  return isTaken ? receiver.idOf(name) : sender.idOf(name)
}

/** What a trace tells of it. */
export function describe({ messages, messageIds, checks }: Registry): string {
  const ids = Array.from(messages, ({ name, id }) => `${name}=${id}`)
  return `${messageIds}${checks ? ', checking' : ''}: ${ids.join(' ')}`
}
