import type { Env } from '../env/env.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { notAuthorized } from '../message/denials.ts'
import { headerBytes } from '../message/headers.ts'
import { MAX_NAMES } from '../message/tree.ts'
import { Bucket } from './bucket.ts'
import { badMessage, rateExceeded } from './failures.ts'
import { PER_SECOND } from './limits.ts'
import type { RequestLimits } from './limits.ts'
import type { ExchangeMessage } from './mail.ts'
import { NO_HEADERS } from './reply.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Finder } from './finder.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface IncomingMessagesInit<From> {
  env: Env
  limits: Pick<RequestLimits, 'maxRefusals'>
  vocabulary: Vocabulary
  /** A relay's. @default what comes is for this side alone */
  finder?: Finder | undefined
  subscriptions: Subscriptions<From>
  /** Who sends them. */
  from: () => From
  warn: (error: NetQueueError) => void
}

/** The one-way messages of one peer, on their way to whoever listens. */
export class IncomingMessages<From> {
  readonly #init: IncomingMessagesInit<From>
  /** Of those that cannot be decoded. */
  #refusals: Bucket | undefined
  /** Names of those that the peer sent although it may not; at a relay it chooses them. */
  #dropped: Set<string> | undefined
  /** It sent more that cannot be decoded than is taken, as somebody who reads them late may find out. */
  #isOverdrawn = false

  constructor(init: IncomingMessagesInit<From>) {
    this.#init = init
  }

  /** Throws for what the peer must not send. */
  take(message: Extract<ExchangeMessage, { type: 'message' }>): void {
    const { name: id, headers, payload, route } = message
    const { vocabulary, subscriptions, from, finder } = this.#init
    const name = route?.named?.name ?? vocabulary.nameOf(id)
    if (name === undefined) throw badMessage(`a message with id ${id}, which it has not announced`, id)
    if (vocabulary.admits?.(name) === false) return this.#drop(name)
    if (finder !== undefined) this.#pass(finder, name, message)
    if (route?.to !== undefined) return
    if (route?.named !== undefined && vocabulary.fits?.(route.named) === false) return
    const bytes = payload.length + headerBytes(headers)
    const decode = (encoded: Uint8Array): unknown => vocabulary.decode(name, 'payload', encoded)
    const arrived = {
      name,
      headers: headers ?? NO_HEADERS,
      from: from(),
      bytes,
      decode,
      undecodable: this.#undecodable,
    }
    subscriptions.deliver(arrived, payload)
    if (this.#isOverdrawn)
      throw rateExceeded('messages refused that cannot be decoded', 'maxRefusals', this.#init.limits.maxRefusals)
  }

  /** A relay passes on what comes, whether or not it listens to that itself. */
  #pass(finder: Finder, name: string, message: Extract<ExchangeMessage, { type: 'message' }>): void {
    const { vocabulary, from } = this.#init
    const { headers, payload, route } = message
    const named = route?.named ?? vocabulary.namedBy?.(message.name) ?? { name, codec: '' }
    if (finder.objection(from(), 'send', name) !== undefined) return this.#drop(name)
    finder.carry({ named, headers, payload, to: route?.to, except: route?.except, from: from() })
  }

  /** It may not send this: whoever is told of it is told once for each name, and of as many as there may be below a peer. */
  #drop(name: string): void {
    this.#dropped ??= new Set()
    if (this.#dropped.has(name) || this.#dropped.size >= MAX_NAMES) return
    this.#dropped.add(name)
    this.#init.warn(notAuthorized('The client', 'send', name))
  }

  /** Each costs many times what others do. Not thrown here: whoever reads is not to blame, and the peer's next message finds it. */
  readonly #undecodable = (): void => {
    const { env, limits } = this.#init
    this.#refusals ??= new Bucket({ env, burst: limits.maxRefusals, perSecond: PER_SECOND })
    if (!this.#refusals.take()) this.#isOverdrawn = true
  }
}
