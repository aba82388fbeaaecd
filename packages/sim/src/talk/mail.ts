import type { Headers } from 'netqueue'
import type { Counts } from '../counts.ts'
import type { Check } from '../invariants.ts'
import { keyOf, textOf } from '../ledger.ts'
import type { Connection, Side } from '../network.ts'
import type { Hearing } from './hearing.ts'
import type { Heard, Party } from './party.ts'
import { idOnWire, UNFIT } from './registries.ts'
import type { Note } from './registries.ts'

/** One message that somebody sent. */
export interface Letter {
  readonly key: string
  readonly text: string
  readonly name: Note
  readonly headers: Headers | undefined
  readonly sender: Party
  /** Its place among all messages, as they were sent. */
  readonly order: number
  /** For whom it is. */
  readonly to: ReadonlySet<Connection>
  /** Who certainly does not get it, as its sender was told. */
  readonly withdrawn: Set<Connection>
  /** Whom its sender was told that it is on its way to. */
  readonly promised: Set<Connection>
  readonly written: Set<Connection>
  readonly arrived: Set<Connection>
}

export interface LetterPlan {
  /** Whoever checks refuses it. */
  isUnfit: boolean
  length: number
  headers: Headers | undefined
}

export interface MailInit {
  counts: Counts
  check: Check
  note: (what: string) => void
}

/** All messages that somebody sent, and where they went. */
export class Mail {
  readonly letters: Map<string, Letter> = new Map()
  readonly hearings: Set<Hearing> = new Set()
  /** The event of the world in which a side was given a message last: what begins in the same one may have it, or not. */
  readonly gotIn: Map<Party, number> = new Map()
  readonly #init: MailInit
  /** The last message that was written, by connection and side. */
  readonly #last: Map<string, number> = new Map()

  constructor(init: MailInit) {
    this.#init = init
  }

  add(sender: Party, name: Note, to: Iterable<Connection>, how: LetterPlan): Letter {
    const order = this.letters.size + 1
    const key = `${how.isUnfit ? UNFIT : 'm'}m${order}`
    const letter: Letter = {
      key,
      text: textOf(key, how.length),
      name,
      headers: how.headers,
      sender,
      order,
      to: new Set(to),
      withdrawn: new Set(),
      promised: new Set(),
      written: new Set(),
      arrived: new Set(),
    }
    this.letters.set(key, letter)
    this.#init.note(`${sender.name} sends ${key} to ${Array.from(letter.to, (each) => each.name).join(' ')}`)
    return letter
  }

  /** A side has written a message: each once, in order, to those whom it is for. */
  written(connection: Connection, side: Side, { id, key }: { id: number; key: string }, receiver: Party): void {
    const letter = this.letters.get(key)
    const place = `${connection.name} ${side}`
    this.#init.counts.messages += 1
    if (letter === undefined) return this.#check(false, `${place} wrote ${key}, which nobody sent`)
    const { order, name, sender, to, withdrawn } = letter
    this.#check(to.has(connection), `${key} was written to ${connection.name}, for which it is not`)
    this.#check(!letter.written.has(connection), `${key} was written to ${connection.name} twice`)
    this.#check(
      !withdrawn.has(connection),
      `${key} was written to ${connection.name}, though its sender was told otherwise`,
    )
    this.#check(order > (this.#last.get(place) ?? 0), `${key} was written after a later one`)
    this.#check(id === idOnWire(sender.registry, receiver.registry, name), `${key} was written with id ${id}`)
    this.#last.set(place, order)
    letter.written.add(connection)
  }

  /** A side was given a message: whoever hears that name is to have it. */
  arrived(connection: Connection, { key }: { key: string }, receiver: Party, event: number): void {
    this.gotIn.set(receiver, event)
    const letter = this.letters.get(key)
    if (letter === undefined) return
    letter.arrived.add(connection)
    for (const hearing of this.hearings) if (hearing.party === receiver) hearing.arrived(letter)
  }

  /** Somebody's user has a message. */
  heard(hearing: Hearing, connection: Connection, { payload, headers }: Heard): Letter | undefined {
    const letter = this.letters.get(keyOf(payload))
    const { name, party } = hearing
    this.#init.note(`${party.name} hears ${keyOf(payload)}`)
    this.#init.counts.heard += 1
    if (letter?.text !== payload) {
      this.#check(false, `${party.name} heard ${keyOf(payload)}, which nobody sent like that`)
      return undefined
    }
    const hasHeaders = JSON.stringify({ ...headers }) === JSON.stringify(letter.headers ?? {})
    this.#check(letter.name === name && hasHeaders, `${letter.key} was heard as another`)
    this.#check(letter.arrived.has(connection), `${letter.key} is said to be from ${connection.name}`)
    return letter
  }

  #check(isTrue: boolean, message: string): void {
    this.#init.check(isTrue, 'I20', message)
  }
}
