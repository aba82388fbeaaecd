import type { Headers } from 'netqueue'
import type { Counts } from '../counts.ts'
import type { Check } from '../invariants.ts'
import { keyOf, textOf } from '../ledger.ts'
import type { Side } from '../network.ts'
import type { Session } from '../session.ts'
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
  /** The session that a client had when it sent this: what waits for another one may be late. */
  readonly begunIn: Session | undefined
  /** Its place among all messages, as they were sent. */
  readonly order: number
  /** For whom it is; a client's goes to its server, by whichever session it has. */
  readonly to: ReadonlySet<Session> | undefined
  /** Its sender was told that nobody gets it. */
  isWithdrawn: boolean
  /** Who certainly does not get it, as its sender was told. */
  readonly withdrawn: Set<Session>
  /** Whom its sender was told that it is on its way to. */
  readonly promised: Set<Session>
  readonly written: Set<Session>
  readonly arrived: Set<Session>
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
  /** The last message that was written, by session and side. */
  readonly #last: Map<string, number> = new Map()

  constructor(init: MailInit) {
    this.#init = init
  }

  add(sender: Party, name: Note, to: Iterable<Session> | undefined, how: LetterPlan): Letter {
    const order = this.letters.size + 1
    const key = `${how.isUnfit ? UNFIT : 'm'}m${order}`
    const letter: Letter = {
      key,
      text: textOf(key, how.length),
      name,
      headers: how.headers,
      sender,
      begunIn: sender.session,
      order,
      to: to && new Set(to),
      isWithdrawn: false,
      withdrawn: new Set(),
      promised: new Set(),
      written: new Set(),
      arrived: new Set(),
    }
    this.letters.set(key, letter)
    this.#init.note(`${sender.name} sends ${key} to ${Array.from(to ?? [], (each) => each.name).join(' ')}`)
    return letter
  }

  /** A side has written a message: each once, in order, to those whom it is for. */
  written(session: Session, side: Side, { id, key }: { id: number; key: string }, receiver: Party): void {
    const letter = this.letters.get(key)
    const place = `${session.name} ${side}`
    this.#init.counts.messages += 1
    if (letter === undefined) return this.#check(false, `${place} wrote ${key}, which nobody sent`)
    const { order, name, sender, to, withdrawn } = letter
    const isForIt = to?.has(session) ?? (sender.sessions.includes(session) && letter.written.size === 0)
    this.#check(isForIt, `${key} was written to ${session.name}, for which it is not`)
    this.#check(!letter.isWithdrawn, `${key} was written, though its sender was told otherwise`)
    this.#check(!letter.written.has(session), `${key} was written to ${session.name} twice`)
    this.#check(!withdrawn.has(session), `${key} was written to ${session.name}, though its sender was told otherwise`)
    const isLate = letter.begunIn !== undefined && letter.begunIn !== session
    const isInOrder = isLate || order > (this.#last.get(place) ?? 0)
    this.#check(isInOrder, `${key} was written after a later one`)
    this.#check(id === idOnWire(sender.registry, receiver.registry, name), `${key} was written with id ${id}`)
    if (!isLate) this.#last.set(place, order)
    letter.written.add(session)
  }

  /** A side was given a message: whoever hears that name is to have it. */
  arrived(session: Session, { key }: { key: string }, receiver: Party, event: number): void {
    this.gotIn.set(receiver, event)
    const letter = this.letters.get(key)
    if (letter === undefined) return
    letter.arrived.add(session)
    for (const hearing of this.hearings) if (hearing.party === receiver) hearing.arrived(letter)
  }

  /** Somebody's user has a message. */
  heard(hearing: Hearing, sessions: readonly Session[], { payload, headers }: Heard): Letter | undefined {
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
    const hasArrived = sessions.some((session) => letter.arrived.has(session))
    this.#check(hasArrived, `${letter.key} is said to be from ${sessions.at(-1)?.name}`)
    return letter
  }

  #check(isTrue: boolean, message: string): void {
    this.#init.check(isTrue, 'I20', message)
  }
}
