import type { ServerClient } from 'netqueue'
import type { World } from '../world.ts'
import type { Book } from './book.ts'
import type { Features } from './features.ts'
import { isThere } from './party.ts'
import type { AskOptions, Party, Peer, Texts, Voice } from './party.ts'
import { drawPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import type { Request } from './request.ts'
import { Reader, Source } from './source.ts'

export interface AskerInit {
  world: World
  book: Book
  features: Features
  party: Party
  /** Whom it can ask now. */
  peers: () => Peer[]
}

/** As many as may ever be open at once. */
const CROWD = 256
/** Milliseconds that somebody is waited for. */
const PATIENCE_MS = 10_000

/** Makes the requests of one side, and waits for their answers in all the ways that there are. */
export class Asker {
  readonly #init: AskerInit
  #last: Peer | undefined

  constructor(init: AskerInit) {
    this.#init = init
  }

  /** Asks now and then, until faults are over. */
  async run(): Promise<void> {
    const { world, party, features } = this.#init
    const { random, process } = party
    const gap = (world.swarm.faultsEnd * 0.8) / features.requests
    if (features.has.crowds && random.chance(0.3))
      world.schedule.after(random.between(0, 500), process, () => this.#crowd())
    for (let left = features.requests; left > 0 && this.#isThere(); left -= 1) {
      const burst = random.chance(0.15) ? random.integer(2, 8) : 1
      for (let more = burst; more > 0; more -= 1) this.#askSomebody()
      await world.sleep(process, random.between(0, 2 * gap))
    }
  }

  /** One request, of somebody or of whoever is free, followed to its end; never rejects. */
  async ask(plan: Plan, peer: Peer | undefined): Promise<Request> {
    const { book, party, world } = this.#init
    const request = book.add(party, plan, peer)
    const options = this.#options(request, peer?.client)
    await world
      .track(party.process, `ask ${request.key}`, this.#settle(request, options))
      .catch((error: unknown) => book.failed(request, error))
    return request
  }

  #isThere(): boolean {
    const { world, party } = this.#init
    return !world.isCalm && isThere(party)
  }

  #askSomebody(plan: Partial<Plan> = {}): void {
    const { party, features, peers } = this.#init
    const { random, registry } = party
    const isForAnybody = party.name === 'server' && random.chance(0.4)
    const all = peers()
    if (all.length === 0 && !isForAnybody) return
    // Somebody who may be gone by now, now and then.
    const peer = isForAnybody ? undefined : random.chance(0.05) ? (this.#last ?? random.pick(all)) : random.pick(all)
    this.#last = peer
    const drawn = { ...drawPlan(random, features), ...plan }
    // There may never be somebody who knows what is asked.
    if (isForAnybody) drawn.timeout ??= PATIENCE_MS
    if (registry.has(drawn.name)) void this.ask(drawn, peer)
  }

  /** All at once, in all channels, with delays and cancels. */
  #crowd(): void {
    const { party } = this.#init
    if (!this.#isThere()) return
    for (let left = CROWD; left > 0; left -= 1)
      this.#askSomebody({
        act: 'answer',
        verb: 'request',
        name: 'ask:text',
        channel: party.random.below(256),
        workMs: 20,
        body: undefined,
        reply: undefined,
        ...(party.random.chance(0.2) && { abortAfter: party.random.between(0, 60) }),
      })
  }

  #options(request: Request, to: ServerClient | undefined): AskOptions {
    const { world, party } = this.#init
    const { timeout, abortAfter, headers, channel, body } = request.plan
    if (abortAfter !== undefined) request.signal = world.abortSoon(party.process, abortAfter)
    return {
      ...(to !== undefined && { to }),
      ...(timeout !== undefined && { timeout }),
      ...(request.signal !== undefined && { signal: request.signal }),
      ...(headers !== undefined && { headers }),
      ...(channel !== 0 && { channel }),
      ...(body !== undefined && { body: this.#body(request) }),
    }
  }

  #body({ body, plan }: Request): Source {
    const { world, party } = this.#init
    world.counts.bodies += 1
    return new Source({
      world,
      process: party.process,
      strand: body,
      pause: () => (party.random.chance(0.3) ? party.random.between(0, plan.readMs) : 0),
      give: async (index) => (index < body.plan.chunks ? body.text(index) : undefined),
    })
  }

  async #settle(request: Request, options: AskOptions): Promise<void> {
    const { book, party } = this.#init
    const { name, verb } = request.plan
    const voice = party.voice as Voice
    if (verb === 'request') return book.answered(request, await voice.request(name, request.text, options))
    if (verb === 'stream') return this.#read(request, voice.stream(name, request.text, options))
    const { value, stream, headers } = await voice.call(name, request.text, options)
    const hasHeaders = request.plan.headers === undefined || headers['answer'] === request.key
    this.#init.world.check(hasHeaders, 'I14', `${request.key} was answered with the headers of another`)
    if (stream !== undefined) return this.#read(request, stream)
    return book.answered(request, value)
  }

  async #read(request: Request, stream: Texts): Promise<void> {
    const { book } = this.#init
    if (!request.streams) return this.#readOne(request, stream)
    const isWhole = await this.#reader(request, stream).read()
    book.streamed(request, isWhole ? 'stream' : 'left')
  }

  /** An answer that is one value is a stream of one. */
  async #readOne(request: Request, stream: Texts): Promise<void> {
    const { book, world } = this.#init
    request.reply.asked += 1
    const { value } = await stream.next()
    const { done } = await stream.next()
    world.check(done === true, 'I14', `${request.key} was answered more than once`)
    book.answered(request, value)
  }

  #reader(request: Request, stream: Texts): Reader {
    const { world, party } = this.#init
    return new Reader({
      world,
      process: party.process,
      strand: request.reply,
      stream,
      pause: () => (party.random.chance(0.3) ? party.random.between(0, request.plan.readMs) : 0),
    })
  }
}
