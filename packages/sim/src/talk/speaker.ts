import type { ServerClient } from 'netqueue'
import type { Session } from '../session.ts'
import type { World } from '../world.ts'
import { Answerer } from './answerer.ts'
import { Asker } from './asker.ts'
import type { Features } from './features.ts'
import { Hearing } from './hearing.ts'
import type { Heard, Party, Peer } from './party.ts'
import { plainPlan } from './plan.ts'
import { Poster } from './poster.ts'
import { NOTES } from './registries.ts'
import type { Note } from './registries.ts'
import type { Request } from './request.ts'
import type { Talk } from './talk.ts'

export interface SpeakerInit {
  world: World
  talk: Talk
  features: Features
  party: Party
  /** To whom it can speak now. */
  peers: () => Peer[]
  /** Resolves for handlers that are held. */
  released: () => Promise<void>
}

/** All that one party says: it answers, asks, sends and hears. */
export class Speaker {
  readonly asker: Asker
  readonly #init: SpeakerInit

  constructor(init: SpeakerInit) {
    const { world, talk, features, party, peers } = init
    this.#init = init
    this.asker = new Asker({ world, book: talk.book, features, party, peers })
  }

  start(): void {
    const { world, talk, features, party, peers, released } = this.#init
    const { has, concurrency } = features
    const isServer = party.name === 'server'
    const askBack = (request: Request): Promise<unknown> => this.#askBack(request)
    new Answerer({ world, book: talk.book, party, concurrency, askBack, released }).start()
    for (const name of NOTES.filter((each) => party.registry.has(each))) this.#hear(name)
    if (isServer ? has.serverAsking : has.asking) this.#follow('asks', this.asker.run())
    const poster = new Poster({ world, mail: talk.mail, features, party, peers })
    if (isServer ? has.serverPosting : has.posting) this.#follow('posts', poster.run())
  }

  /** Says that it asks this peer no more. All that it has asked is over then. */
  async end({ party: { name }, session, client }: Peer): Promise<void> {
    const { world, talk, party } = this.#init
    const { server, client: own } = talk.dialogueOf(session)
    const before = [...(name === 'server' ? own : server).open.values()]
    party.endedTo.add(session)
    await world.track(party.process, 'ends requests', party.voice?.endRequests(client) as Promise<void>)
    talk.atEventEnd(() => {
      for (const { key, outcome, isStreaming } of before)
        world.check(
          outcome !== undefined || isStreaming || party.wasAway || session.isLeaving,
          'I13',
          `requests ended before ${key} did`,
        )
    })
  }

  /** Each side may wait for places that the other's handlers have, so not for long. */
  async #askBack({ dialogue }: Request): Promise<void> {
    const peer = this.#init.peers().find(({ session, client }) => client === undefined || session === dialogue?.session)
    if (peer !== undefined) await this.asker.ask({ ...plainPlan, timeout: 500, channel: 7 }, peer)
  }

  /** Listeners and loops of all kinds, some of them slow, some of them late. */
  #hear(name: Note): void {
    const { world, party } = this.#init
    const { random, process } = party
    if (random.chance(0.3)) this.#hearing(name).listen()
    if (random.chance(0.7)) this.#loop(name)
    if (random.chance(0.2)) world.schedule.after(random.between(0, 1_000), process, () => this.#loop(name))
  }

  #loop(name: Note): void {
    const { random, limits } = this.#init.party
    const capacity = random.pick([1, 3, limits.maxUnreadMessages])
    const drop = random.pick(['newest', 'oldest'] as const)
    const until = random.chance(0.2) ? random.between(0, 2_000) : Number.POSITIVE_INFINITY
    this.#follow(`hears ${name}`, this.#hearing(name).read({ capacity, drop }, until))
  }

  #hearing(name: Note): Hearing {
    const { world, talk, features, party } = this.#init
    const slowness = features.has.hearingSlowly ? party.random.pick([0, 0, 5, 50]) : 0
    const sessionsOf = ({ from }: Heard): readonly Session[] =>
      party.name === 'server' ? [world.sessionOf(from as ServerClient)] : party.sessions
    return new Hearing({ world, mail: talk.mail, party, name, sessionsOf, slowness })
  }

  #follow(name: string, life: Promise<void>): void {
    const { world, party } = this.#init
    void world.track(party.process, name, life)
  }
}
