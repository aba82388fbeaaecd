import { checkFunction, checkInteger, checkString } from '../errors/check.ts'
import type { Headers } from '../message/headers.ts'
import { RecentMap } from '../queue/recent-map.ts'
import { Slots } from './slot.ts'
import type { Tally } from './slot.ts'

/** What a handler gets to know beside the payload. */
export interface RequestContext<From = unknown, Chunk = unknown> {
  readonly name: string
  /** Who asks. */
  readonly from: From
  /** What came beside the payload; empty where nothing did. */
  readonly headers: Headers
  readonly channel: number
  /** When the requester gives up, on the clock of `performance.now()`; `undefined` where it waits for ever. */
  readonly deadline: number | undefined
  /** Fires when nobody waits for the answer any more: the requester cancelled (`CANCELLED`), its time is up (`TIMEOUT`), or the connection ended. */
  readonly signal: AbortSignal
  /** Whether a stream comes along with the request. */
  readonly hasBody: boolean
  /** That stream, for one loop; empty where there is none. The requester sends as this is read. Rejects with `RemoteError` where the requester's source failed. */
  readonly body: AsyncIterableIterator<Chunk, undefined>
  /**
   * What goes beside the answer. Of a reply that is streamed it goes ahead, so it is to be set before the handler returns: in the body of
   * an async generator it is too late. Throws for that, and for what cannot travel.
   */
  setHeaders(headers: Headers): void
}

/**
 * Answers requests: what it returns is the reply; an async iterable, such as an async generator makes, is streamed, as fast as the
 * requester reads. What it throws becomes a `RemoteError` there, with the `code` of the error or `HANDLER_FAILED`.
 */
export type RequestHandler<From = unknown> = (payload: never, context: RequestContext<From>) => unknown

export interface HandleOptions {
  /**
   * Requests that are worked on at once, of all peers together; the others wait, and with them what came behind them in their channel. A
   * request does not count while it waits for its peer: to read more of the reply, or to send more of the body. Peers take turns. @default Infinity
   */
  concurrency?: number | undefined
}

/** A handler, and who may call it now. */
export interface Registration {
  readonly call: (payload: unknown, context: RequestContext) => unknown
  readonly slots: Slots
  /** It was taken away. */
  isGone: boolean
}

/** The handlers of one client or server, by the names of what they answer; all its connections share them. */
export class Handlers {
  readonly #registrations: Map<string, Registration> = new RecentMap()
  readonly #work: Tally

  /** `left` is called when one of them is done. */
  constructor(left: () => void = () => {}) {
    this.#work = { taken: 0, left }
  }

  /** Whether one is at work, be it for a peer that is gone; one that waits for its peer is not. */
  get areWorking(): boolean {
    return this.#work.taken > 0
  }

  /** Returns the function that takes the handler away; requests that were not begun are then unknown. Throws a `TypeError` where there is one already. */
  add(
    name: string,
    handler: RequestHandler<never>,
    { concurrency = Number.POSITIVE_INFINITY }: HandleOptions = {},
  ): () => void {
    checkString('name', name)
    checkFunction('handler', handler)
    if (concurrency !== Number.POSITIVE_INFINITY) checkInteger('concurrency', concurrency, 1)
    if (this.#registrations.has(name))
      throw new TypeError(`Expected \`name\` to be one without a handler, got \`${JSON.stringify(name)}\``)
    const registration: Registration = {
      call: handler as Registration['call'],
      slots: new Slots(concurrency, this.#work),
      isGone: false,
    }
    this.#registrations.set(name, registration)
    return () => {
      if (this.#registrations.get(name) === registration) this.#registrations.delete(name)
      registration.isGone = true
    }
  }

  get(name: string): Registration | undefined {
    return this.#registrations.get(name)
  }
}
