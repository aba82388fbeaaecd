import type { Session } from '../session.ts'
import type { World } from '../world.ts'
import type { Letter, Mail } from './mail.ts'
import type { Heard, Party, Voice } from './party.ts'
import { UNFIT } from './registries.ts'
import type { Note } from './registries.ts'

export interface HearingInit {
  world: World
  mail: Mail
  party: Party
  name: Note
  /** The sessions in which a message may have come. */
  sessionsOf: (message: Heard) => readonly Session[]
  /** Milliseconds between two messages at most. */
  slowness: number
}

/** One listener, or one loop over messages: what it must have had, and what it had. */
export class Hearing {
  readonly party: Party
  readonly name: Note
  readonly #init: HearingInit
  /** Messages that came, that it had, and that it was told it lost; of those that it refuses, which wait all the same. */
  #arrived = 0
  #refused = 0
  #taken = 0
  readonly #openedIn: number
  /** Its beginning or its end cannot be told from what came at the same time. */
  #isBlurred = false
  #stream: ReturnType<Voice['messages']> | undefined
  #capacity = 0
  readonly #last: Map<Session, number> = new Map()

  constructor(init: HearingInit) {
    this.#init = init
    this.party = init.party
    this.name = init.name
    this.#openedIn = init.world.schedule.ran
    this.#isBlurred = init.mail.gotIn.get(init.party) === this.#openedIn
    init.mail.hearings.add(this)
  }

  /** A message came that it wants. */
  arrived(letter: Letter): void {
    if (letter.name !== this.name) return
    const { world } = this.#init
    if (this.#openedIn === world.schedule.ran) this.#isBlurred = true
    if (letter.key.startsWith(UNFIT) && this.party.registry.checks) this.#refused += 1
    else this.#arrived += 1
    world.talk?.atEventEnd(() => this.#checkBuffer())
  }

  listen(): void {
    const { party, name } = this.#init
    party.voice?.on(name, (message) => this.#take(message))
  }

  /** Reads at its own speed; leaves after some time, or goes on until this side is closed. */
  async read(options: { capacity: number; drop: 'newest' | 'oldest' }, until: number): Promise<void> {
    const { world, mail, party, name, slowness } = this.#init
    this.#capacity = options.capacity
    const stream = (party.voice as Voice).messages(name, options)
    this.#stream = stream
    let isLeft = false
    for await (const message of stream) {
      this.#take(message)
      if (slowness > 0) await world.sleep(party.process, party.random.between(0, slowness))
      isLeft = world.schedule.now > until && !world.isCalm
      if (isLeft) break
    }
    mail.hearings.delete(this)
    world.counts.dropped += stream.dropped
    if (isLeft || this.#isBlurred) return
    const known = this.#taken + stream.dropped
    const isAll = known >= this.#arrived && known <= this.#arrived + this.#refused
    this.#check(isAll, `${this.#arrived} came, ${this.#taken} were heard and ${stream.dropped} dropped`)
  }

  #take(message: Heard): void {
    const { mail, sessionsOf } = this.#init
    const letter = mail.heard(this, sessionsOf(message), message)
    this.#taken += 1
    if (letter === undefined) return
    for (const session of sessionsOf(message)) {
      if (!letter.arrived.has(session) || (letter.begunIn ?? session) !== session) continue
      this.#check(letter.order > (this.#last.get(session) ?? 0), `${letter.key} came after a later one`)
      this.#last.set(session, letter.order)
    }
  }

  /** What waits for a loop is bounded, and a listener has everything at once. */
  #checkBuffer(): void {
    if (this.#isBlurred || !this.#init.mail.hearings.has(this)) return
    const waiting = this.#arrived - this.#taken - (this.#stream?.dropped ?? 0)
    this.#check(waiting <= this.#capacity, `${waiting} wait for one who has room for ${this.#capacity}`)
  }

  #check(isTrue: boolean, message: string): void {
    const { world, party, name } = this.#init
    world.check(isTrue, 'I20', `${name} at ${party.name}: ${message}`)
  }
}
