import type { BroadcastOutcome, ServerClient } from 'netqueue'
import type { Session } from '../session.ts'
import { codeOf } from '../code-of.ts'
import type { World } from '../world.ts'
import type { Features } from './features.ts'
import type { Letter, Mail } from './mail.ts'
import { isThere } from './party.ts'
import type { Party, Peer, SendOptions, Voice } from './party.ts'
import { NOTES } from './registries.ts'
import type { Note } from './registries.ts'

export interface PosterInit {
  world: World
  mail: Mail
  features: Features
  party: Party
  /** To whom it can send now. */
  peers: () => Peer[]
}

/** Sends the messages of one side. */
export class Poster {
  readonly #init: PosterInit

  constructor(init: PosterInit) {
    this.#init = init
  }

  /** Sends now and then, until faults are over. */
  async run(): Promise<void> {
    const { world, party, features } = this.#init
    const { random, process } = party
    const gap = (world.swarm.faultsEnd * 0.8) / features.letters
    for (let left = features.letters; left > 0 && this.#isThere(); left -= 1) {
      const burst = features.has.flooding && random.chance(0.3) ? random.integer(10, 40) : 1
      for (let more = burst; more > 0; more -= 1) this.#sendSomething()
      await world.sleep(process, random.between(0, 2 * gap))
    }
  }

  #isThere(): boolean {
    const { world, party } = this.#init
    return !world.isCalm && isThere(party)
  }

  #sendSomething(): void {
    const { party, peers } = this.#init
    const { random, registry } = party
    const name = random.pick(NOTES)
    const all = peers()
    if (!registry.has(name) || all.length === 0) return
    const isServer = party.name === 'server'
    if (isServer && random.chance(0.4)) return void this.#broadcast(name, all)
    const some = isServer && random.chance(0.3) ? all.filter(() => random.chance(0.6)) : [random.pick(all)]
    void this.#send(name, some)
  }

  async #send(name: Note, to: Peer[]): Promise<void> {
    const { world, party } = this.#init
    const { random, process } = party
    const letter = this.#letter(name, to)
    const clients = to.flatMap(({ client }) => client ?? [])
    const options: SendOptions = {
      ...(clients.length > 0 && {
        to: clients.length === 1 && random.chance(0.5) ? (clients[0] as ServerClient) : clients,
      }),
      ...(letter.headers !== undefined && { headers: letter.headers }),
      ...(random.chance(0.2) && { timeout: random.integer(0, 60) }),
      ...(random.chance(0.1) && { signal: world.abortSoon(process, random.between(0, 60)) }),
    }
    if (party.name === 'server' && clients.length === 0) return
    const call = (party.voice as Voice).send(name, letter.text, options)
    try {
      await world.track(process, `send ${letter.key}`, call)
      if (party.session !== undefined) letter.promised.add(party.session)
      else for (const { session } of to) letter.promised.add(session)
    } catch (error) {
      this.#failed(letter, to, error)
    }
  }

  async #broadcast(name: Note, all: Peer[]): Promise<void> {
    const { world, party } = this.#init
    const { random, process } = party
    const except = all.filter(() => random.chance(0.2))
    const to = all.filter((each) => !except.includes(each) && each.party.registry.has(name))
    const letter = this.#letter(name, to)
    world.counts.broadcasts += 1
    const call = world.server.broadcast(name, letter.text, {
      except: except.map(({ client }) => client as ServerClient),
      timeout: random.pick([0, 1, 100]),
      headers: letter.headers,
    })
    try {
      this.#reached(letter, to, await world.track(process, `broadcast ${letter.key}`, call))
    } catch (error) {
      this.#failed(letter, to, error)
    }
  }

  #letter(name: Note, to: Peer[]): Letter {
    const { mail, party, features } = this.#init
    const { random } = party
    const isLong = features.has.longTexts && random.chance(0.05)
    return mail.add(party, name, party.name === 'server' ? to.map(({ session }) => session) : undefined, {
      isUnfit: features.has.unfit && random.chance(0.1),
      length: isLong ? 70_000 : random.integer(1, 200),
      headers: random.chance(0.2) ? { 'a-header': String(random.below(100)) } : undefined,
    })
  }

  /** Everybody has it on its way, or is said to have missed it. */
  #reached(letter: Letter, to: Peer[], { sent, missed }: BroadcastOutcome): void {
    const { world } = this.#init
    world.counts.missed += missed.length
    const isAll = sent + missed.length === to.length
    world.check(isAll, 'I20', `${letter.key}: ${sent} were reached and ${missed.length} missed it, of ${to.length}`)
    for (const { client, session } of to) {
      if (client !== undefined && missed.includes(client)) this.#withdrawn(letter, session)
      else letter.promised.add(session)
    }
  }

  #failed(letter: Letter, to: Peer[], error: unknown): void {
    const { world, party } = this.#init
    const code = codeOf(error)
    const { undone } = error as { undone?: readonly unknown[] }
    const isRight = this.#isRightful(letter, to, code)
    world.check(isRight, 'I20', `${letter.key} of ${party.name} failed wrongly with ${code}: ${String(error)}`)
    if (party.name !== 'server') this.#nowhere(letter)
    else if (to.length === 1 || code === 'ENCODE_FAILED') for (const { session } of to) this.#withdrawn(letter, session)
    else if (undone !== undefined)
      for (const { client, session } of to) if (undone.includes(client?.id)) this.#withdrawn(letter, session)
  }

  #isRightful({ name, key }: Letter, to: Peer[], code: string): boolean {
    const { party } = this.#init
    switch (code) {
      case 'ABORT':
      case 'QUEUE_FULL':
        return true
      case 'UNSUPPORTED':
        return party.unknown.has(name) || to.some(({ party: { registry } }) => !registry.has(name))
      case 'ENCODE_FAILED':
        return party.registry.checks && key.startsWith('unfit')
      case 'CLOSED':
        return !isThere(party) || this.#hasLost(to)
      case 'MESSAGES_MISMATCH':
      case 'CONNECT_FAILED':
        return party.voice?.state === 'failed'
      case 'CONNECTION_LOST':
      case 'CLIENT_GONE':
        return this.#hasLost(to)
      default:
        return false
    }
  }

  #hasLost(to: Peer[]): boolean {
    const { party } = this.#init
    const isOver = party.sessions.some((session) => session.mayBeOver('client'))
    return isOver || !isThere(party) || to.some(({ session }) => party.lostAt.has(session))
  }

  #nowhere(letter: Letter): void {
    letter.isWithdrawn = true
    const isNew = letter.written.size === 0
    this.#init.world.check(isNew, 'I20', `${letter.key} was written, and is said not to be delivered`)
  }

  #withdrawn(letter: Letter, session: Session): void {
    const { world } = this.#init
    letter.withdrawn.add(session)
    const isNew = !letter.written.has(session)
    world.check(isNew, 'I20', `${letter.key} was written to ${session.name}, and is said to have missed it`)
  }
}
