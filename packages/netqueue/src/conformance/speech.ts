import type { MessageEntry } from '../message/definition.ts'
import type { Role } from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { check, same } from './checks.ts'
import { Phrases } from './phrases.ts'
import type { Kind, Saying } from './phrases.ts'
import type { ProtocolSuite } from './protocol.ts'
import { Side, talkOf } from './talk.ts'
import type { Heard, SideOptions, Talk } from './talk.ts'

export const ROLES: readonly Role[] = ['client', 'server']
export const otherThan = (role: Role): Role => (role === 'client' ? 'server' : 'client')
export const sides = ({ client, server }: Talk): Side[] => [client, server]

/** A text that is said. */
export interface Said {
  kind: Kind
  value: string
  /** Counts them. */
  number: number
}

/** How the sides of one suite talk. */
export class Speech {
  readonly create: () => Protocol
  readonly phrases: Phrases

  constructor({ create, messages, headers }: ProtocolSuite) {
    this.create = create
    const idOf = ({ name, id }: MessageEntry): number => {
      const { peer } = this.introduced().client.wire ?? {}
      return peer?.registry?.idOf(name) ?? id
    }
    this.phrases = new Phrases(create().supports, { messages, headers, idOf })
  }

  /** Both sides, when they know each other. */
  introduced(limits: Partial<Record<Role, SideOptions['limits']>> = {}): Talk {
    const talk = talkOf(this.create, { limits, messages: this.phrases.messages })
    for (const role of ROLES)
      check(talk[role].wire !== undefined, `the ${role} to know its peer after the introduction`)
    for (const side of sides(talk)) side.heard.length = 0
    return talk
  }

  /** One side that nobody has talked to. */
  side(options: Pick<SideOptions, 'role' | 'guard'>): Side {
    return new Side({ ...options, protocol: this.create(), messages: this.phrases.messages })
  }

  say(talk: Talk, from: Role, { kind, value, number }: Said): void {
    if (kind === 'items') return sayItem(talk, from, value, number)
    const { phrases } = this
    talk.say(from, (kind === 'message' ? phrases.message(value) : phrases.request(value, { tag: number })).say)
  }

  /** The frame in which a client says a text. */
  spoken(value: string): { side: Side; frame: Uint8Array } {
    const talk = this.introduced()
    this.say(talk, 'client', { kind: this.anyKind, value, number: 1 })
    return { side: talk.client, frame: talk.sent.client.at(-1) as Uint8Array }
  }

  get anyKind(): Kind {
    const [kind] = this.phrases.kinds
    check(kind !== undefined, 'the protocol to carry items, messages or requests')
    return kind
  }

  /** Has something said, and checks what the other side hears of it. */
  checkHeard(talk: Talk, role: Role, { say, hears, isReply = false }: Saying, isHeard: boolean): void {
    const from = isReply ? otherThan(role) : role
    const { heard } = talk[otherThan(from)]
    heard.length = 0
    talk.say(from, say)
    const compared = heard.map((one) => sorted(shared(one, hears)))
    same(compared, isHeard ? [sorted(hears)] : [], `what is heard of ${hears.type}`)
  }
}

export function sayItem(talk: Talk, from: Role, item: string, seq: number): void {
  const payload = talk[from].wire?.carry(item, new TextEncoder().encode(item))
  check(payload !== undefined, `an item of ${item.length} characters to be carried (items)`)
  talk.say(from, (writer) => writer.item(seq, payload, 1, false))
}

export function itemsOf(heard: readonly Heard[]): string[] {
  const decoder = new TextDecoder()
  return heard
    .filter(({ type }) => type === 'items')
    .flatMap(({ payloads }) => (payloads as Uint8Array[]).map((payload) => decoder.decode(payload)))
}

export function thrown(call: () => void): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

/** An object whose keys have an order, so that JSON compares it. */
export function sorted(value: object = {}): [string, unknown][] {
  return Object.entries(value).toSorted(([a], [b]) => a.localeCompare(b))
}

/** Of what was heard, what is compared. */
const shared = (heard: Heard, hears: Saying['hears']): object =>
  Object.fromEntries(Object.entries(heard).filter(([key]) => key in hears))
