import { headerBytes, headersFrom } from '../message/headers.ts'
import type { Headers } from '../message/headers.ts'
import { answered } from './failures.ts'
import type { RequestContext } from './handlers.ts'
import { Inflow } from './inflow.ts'
import type { Interest } from './interest.ts'
import type { RequestMessage } from './mail.ts'
import { NO_HEADERS } from './reply.ts'
import type { Side } from './side.ts'
import type { Slot } from './slot.ts'

export interface ContextInit {
  side: Side
  message: RequestMessage
  name: string
  from: unknown
  interest: Interest
  slot: Slot
}

/** What a handler sees of its request, and the two things that it makes of it: how much of the body it has read, and headers. */
export class Context implements RequestContext {
  readonly name: string
  readonly from: unknown
  readonly headers: Headers
  readonly channel: number
  readonly hasBody: boolean
  readonly #init: ContextInit
  #body: Inflow | undefined
  #replyHeaders: Headers | undefined
  #isAnnounced = false

  constructor(init: ContextInit) {
    const { message, name, from } = init
    this.#init = init
    this.name = name
    this.from = from
    this.headers = message.headers ?? NO_HEADERS
    this.channel = message.channel
    this.hasBody = message.hasBody
    if (message.hasBody) this.#body = this.#inflow()
    if (message.hasBody) this.#body?.open(message.tag)
  }

  get deadline(): number | undefined {
    return this.#init.interest.deadline
  }

  get signal(): AbortSignal {
    return this.#init.interest.signal
  }

  get body(): Inflow {
    if (this.#body !== undefined) return this.#body
    this.#body = this.#inflow()
    this.#body.end()
    return this.#body
  }

  setHeaders(headers: Headers): void {
    if (this.#isAnnounced) throw new TypeError('Expected headers before the handler returns what it streams')
    this.#replyHeaders = headersFrom(headers)
  }

  /** @internal */
  get replyHeaders(): Headers | undefined {
    return this.#replyHeaders
  }

  /** @internal What the headers of the answer take of its length. */
  get replyHeaderBytes(): number {
    return headerBytes(this.#replyHeaders)
  }

  /** @internal The headers of the answer are on their way. */
  announced(): void {
    this.#isAnnounced = true
  }

  /** @internal The body can be read no more: for that reason, or because the request has been answered. */
  closeBody(reason?: Error): void {
    this.#body?.abort(reason ?? answered())
  }

  #inflow(): Inflow {
    const { side, slot } = this.#init
    return new Inflow({
      lanes: side.lanes,
      limits: side.limits,
      channel: this.channel,
      direction: 'body',
      decode: (bytes) => side.vocabulary.decode(this.name, 'body', bytes),
      waits: () => slot.pause(),
      goesOn: (resume) => slot.enter(resume),
    })
  }
}
