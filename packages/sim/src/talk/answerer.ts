import type { RequestContext } from 'netqueue'
import type { Book } from './book.ts'
import { PLANNED } from './outcomes.ts'
import type { Party, Texts } from './party.ts'
import { ASKS } from './registries.ts'
import { LATE_MS, LATENESS } from './request.ts'
import type { Request } from './request.ts'
import { Reader, Source } from './source.ts'
import { codeOf } from '../code-of.ts'
import type { World } from '../world.ts'

export interface AnswererInit {
  world: World
  book: Book
  party: Party
  concurrency: number
  /** Asks the one whose request this is something, and waits for its end. */
  askBack: (request: Request) => Promise<unknown>
  /** Resolves for handlers that are held. */
  released: () => Promise<void>
}

/** Deadlines from here on are not looked at: no world lasts so long. */
const WATCHED_MS = 10_000

/** Answers the requests of others, each as its maker has planned it. */
export class Answerer {
  readonly #init: AnswererInit

  constructor(init: AnswererInit) {
    this.#init = init
  }

  start(): void {
    const { party, concurrency } = this.#init
    const handler = (payload: string, context: RequestContext): unknown => this.#handle(payload, context)
    for (const name of ASKS.filter((each) => party.registry.has(each)))
      party.voice?.handle(name, handler, name === 'ask:narrow' ? { concurrency } : undefined)
  }

  #handle(payload: string, context: RequestContext): unknown {
    const { book, party } = this.#init
    const request = book.begins(party, payload, context)
    if (request === undefined) return ''
    this.#watch(request)
    const { act, workMs, headers } = request.plan
    if (headers !== undefined) context.setHeaders({ answer: request.key })
    if (act === 'answer' && workMs === 0) return this.#ends(request, 'at once', request.answer)
    return this.#work(request, context).then(
      (answer) => (answer instanceof Source ? answer : this.#ends(request, 'answered', answer)),
      (error: unknown) => {
        throw this.#ends(request, 'failed', error)
      },
    )
  }

  /** Looks at what became of it when its time is up, and a little later, as what was due in a pause may not have run at once. */
  #watch(request: Request): void {
    const { world, party } = this.#init
    const { deadlineMs = WATCHED_MS, arrivedAt = 0, dialogue } = request
    if (deadlineMs >= WATCHED_MS) return
    const due = arrivedAt + deadlineMs * (1 + LATENESS) + LATE_MS
    world.schedule.after(due - world.schedule.now, party.process, () =>
      world.schedule.after(1, party.process, () => dialogue?.expired(request)),
    )
  }

  #ends<T>(request: Request, how: string, result: T): T {
    this.#init.book.ends(this.#init.party, request, how)
    return result
  }

  async #work(request: Request, context: RequestContext): Promise<string | Source> {
    const { act } = request.plan
    if (act === 'hang') throw await this.#fired(request, context)
    if (act === 'hold') await this.#init.released()
    await this.#wait(request, context)
    if (act === 'throw') throw Object.assign(new Error('planned'), { code: PLANNED })
    if (act === 'crash') throw new Error('planned')
    if (act === 'stream') return this.#stream(request)
    if (act === 'echo') return this.#echo(request, context)
    if (act === 'collect') await this.#reader(request, context).read()
    if (act === 'back') await this.#init.askBack(request)
    return request.answer
  }

  /** Works for a while; who looks at the signal stops when nobody waits any more. */
  async #wait(request: Request, context: RequestContext): Promise<void> {
    const { world, party } = this.#init
    const { workMs, listens } = request.plan
    const slept = world.sleep(party.process, party.random.between(0, 2 * workMs))
    if (!listens) return slept
    const reason = await Promise.race([slept, this.#fired(request, context)])
    if (reason !== undefined) throw reason
  }

  /** Waits until somebody says that nobody waits. */
  async #fired(request: Request, { signal }: RequestContext): Promise<Error> {
    const { world, book, party } = this.#init
    await fired(signal)
    world.talk?.atEventEnd(() => book.fired(party, request, codeOf(signal.reason)))
    return signal.reason as Error
  }

  #stream(request: Request): Source {
    const { reply } = request
    return this.#source(request, async (index) => (index < reply.plan.chunks ? reply.text(index) : undefined))
  }

  #echo(request: Request, context: RequestContext): Source {
    const reader = this.#reader(request, context)
    return this.#source(
      request,
      () => reader.next(),
      () => void reader.leave(),
    )
  }

  #source(request: Request, give: (index: number) => Promise<string | undefined>, left = (): void => {}): Source {
    const { world, party } = this.#init
    return new Source({
      world,
      process: party.process,
      strand: request.reply,
      pause: () => (party.random.chance(0.3) ? party.random.between(0, request.plan.readMs) : 0),
      give,
      over: () => {
        left()
        this.#ends(request, 'streamed', undefined)
      },
    })
  }

  #reader(request: Request, { body }: RequestContext): Reader {
    const { world, party } = this.#init
    return new Reader({
      world,
      process: party.process,
      strand: request.body,
      stream: body as Texts,
      pause: () => (party.random.chance(0.3) ? party.random.between(0, request.plan.readMs) : 0),
    })
  }
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
