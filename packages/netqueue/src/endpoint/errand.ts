import type { Sender } from '../delivery/delivery.ts'
import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { promised } from './promised.ts'
import type { WaitOptions } from '../queue/pending.ts'
import type { Again } from '../request/again.ts'
import type { Exchange } from '../request/exchange.ts'
import { dropBody } from '../request/outflow.ts'
import { checkRequest } from '../request/request-options.ts'
import type { RequestOptions } from '../request/request-options.ts'

/** Who finds somebody for errands. */
export interface Seeker<W> {
  exchangeOf(whom: W): Exchange<Sender>
  /** Has somebody asked, now or as soon as there is somebody, and gives what comes of it. */
  seek<R>(errand: Errand<W, R>): Promise<R>
  /** Whether somebody else is to be sought where the one who was asked has certainly not begun it. */
  goesOn(errand: Errand<W>, cause: NetQueueError): boolean
}

/** What somebody is asked. */
export interface Request {
  name: string
  payload: unknown
  options: RequestOptions
  /** Milliseconds for all of it, as the caller or the limits have them; `Infinity`: no end. */
  timeout: number
  /** Of two, the one with the lower ordinal was made first. */
  ordinal: number
}

/** A request of whoever begins it: it goes from one to the next until somebody does, within its one time. */
export abstract class Errand<W, R = unknown> implements Again {
  readonly request: Request
  deadline: number | undefined
  /** Who was asked last; nobody while it waits for somebody. */
  whom: W | undefined
  /** Those below whom nobody takes anything as long as that. */
  narrow: Set<W> | undefined
  readonly #seeker: Seeker<W>

  constructor(seeker: Seeker<W>, request: Request) {
    this.#seeker = seeker
    this.request = request
  }

  get name(): string {
    return this.request.name
  }

  get ordinal(): number {
    return this.request.ordinal
  }

  /** How long its payload and headers are, where that need not be measured. */
  get bytes(): number | undefined {
    return undefined
  }

  /** Ends the wait for somebody. */
  protected get signal(): AbortSignal | undefined {
    return this.request.options.signal
  }

  /** Somebody was found. */
  ask(whom: W): Promise<R> {
    this.whom = whom
    return this.begin(this.#seeker.exchangeOf(whom))
  }

  protected abstract begin(exchange: Exchange<Sender>): Promise<R>

  /** Looks for somebody. */
  seek(): Promise<R> {
    this.whom = undefined
    return promised(() => this.#seeker.seek(this))
  }

  elsewhere(cause: NetQueueError, deadline: number | undefined): Promise<R> | undefined {
    this.deadline = deadline
    return this.#seeker.goesOn(this, cause) ? this.seek() : undefined
  }

  /** Waits for somebody, for what is left of its time, in a line that it enters. Throws for options that no request can have. */
  wait(env: Env, enter: (wait: WaitOptions) => Promise<R>): Promise<R> {
    const { options, timeout } = this.request
    try {
      checkRequest(options)
      const now = env.now()
      this.deadline ??= now + timeout
      const found = enter({ timeout: Math.max(0, this.deadline - now), signal: this.signal })
      if (options.body !== undefined) found.catch(() => this.whom ?? dropBody(options.body))
      return found
    } catch (error) {
      dropBody(options.body)
      throw error
    }
  }
}

/** One that is answered once: by a value, or by all that an answer has. */
export class Inquiry<W> extends Errand<W> {
  readonly #how: 'request' | 'call'

  constructor(seeker: Seeker<W>, how: 'request' | 'call', request: Request) {
    super(seeker, request)
    this.#how = how
  }

  protected begin(exchange: Exchange<Sender>): Promise<unknown> {
    const { name, payload, options } = this.request
    return exchange[this.#how](name, payload, options, this)
  }
}
