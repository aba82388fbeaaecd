import type { Headers } from '../message/headers.ts'
import type { RequestContext } from './handlers.ts'
import type { Inflow } from './inflow.ts'
import { NO_HEADERS } from './reply.ts'
import type { Served } from './served.ts'

/** What a handler sees of its request. Whatever it takes apart goes on working: most handlers name what they use, and no more. */
export class Context implements RequestContext {
  readonly #served: Served

  constructor(served: Served) {
    this.#served = served
  }

  get name(): string {
    return this.#served.name
  }

  get from(): unknown {
    return this.#served.from
  }

  get headers(): Headers {
    return this.#served.message.headers ?? NO_HEADERS
  }

  get channel(): number {
    return this.#served.message.channel
  }

  get hasBody(): boolean {
    return this.#served.message.hasBody
  }

  get deadline(): number | undefined {
    return this.#served.interest.deadline
  }

  get signal(): AbortSignal {
    return this.#served.interest.signal
  }

  get body(): Inflow {
    return this.#served.body
  }

  get setHeaders(): (headers: Headers) => void {
    return (headers) => this.#served.setHeaders(headers)
  }
}
