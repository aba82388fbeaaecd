import type { Sender } from '../delivery/delivery.ts'
import type { Env } from '../env/env.ts'
import { checkOneOf } from '../errors/check.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Listener } from '../events/listener.ts'
import type { SharedByConversations } from './conversation.ts'
import { encodeWith } from '../message/codec.ts'
import type { MessageEntry } from '../message/definition.ts'
import { headerFault } from '../message/headers.ts'
import type { HeaderFault, Headers } from '../message/headers.ts'
import { ownMessages } from '../message/registry.ts'
import type { MessagesOptions, OwnMessages } from '../message/registry.ts'
import type { Limits } from '../options/limits.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { checkSupports } from '../protocol/supports.ts'
import type { Supports } from '../protocol/supports.ts'
import { checkSize } from '../request/failures.ts'
import { Handlers } from '../request/handlers.ts'
import type { HandleOptions, RequestHandler } from '../request/handlers.ts'
import { requestLimitsFrom } from '../request/limits.ts'
import type { RequestLimits } from '../request/limits.ts'
import type { Finder } from '../request/finder.ts'
import { dropBody } from '../request/outflow.ts'
import type { SendOptions } from '../request/posts.ts'
import type { RequestOptions } from '../request/request-options.ts'
import type { ReceivedMessage, SubscribeOptions, Subscription } from '../request/subscription.ts'
import { Subscriptions } from '../request/subscriptions.ts'

/** Most names of messages that the text of an error lists. */
const MAX_LISTED = 16

export interface TalkOptions extends MessagesOptions {
  limits?: Partial<Limits & RequestLimits> | undefined
  exposeErrors?: boolean | undefined
}

export interface TalkInit {
  env: Env
  options: TalkOptions
  /** Those that were filled in. */
  limits: Limits
  /** Names of events, which no message can have: both are listened to by `on`. */
  events: readonly string[]
  /** Something that `from` sent is wrong, or nobody's in particular. */
  warn: (error: NetQueueError, from?: Sender) => void
  /** A handler is done. */
  worked: () => void
  /** What is spoken: what it lacks is refused before anybody is there to be asked. */
  protocol: Pick<Protocol, 'name' | 'supports' | 'headerFault'>
  /** A relay's: finds somebody else for what nobody handles here. */
  finder?: Finder | undefined
  /** Throws where nobody ever asks, or sends, this side that. @default everybody may */
  checkReachable?: (name: string) => void
}

/** The messages of a side that has events. Throws a `TypeError` for what are none, and for a name that both would have: `on` listens to either. */
function messagesBeside(events: readonly string[], options: MessagesOptions): OwnMessages {
  const own = ownMessages(options)
  const taken = events.find((name) => own.table.byName.has(name))
  if (taken === undefined) return own
  throw new TypeError(`Expected \`messages\` to have other names than events, got ${JSON.stringify(taken)}`)
}

/** What one client or server sends, asks and answers beside items, whoever it talks to. */
export class Talk {
  readonly own: OwnMessages
  readonly limits: Limits & RequestLimits
  readonly #shared: SharedByConversations
  readonly #events: readonly string[]
  readonly #handlers: Handlers
  readonly #subscriptions: Subscriptions<Sender>
  readonly #protocol: TalkInit['protocol']
  readonly #checkReachable: ((name: string) => void) | undefined

  /** Throws for options that no side can have. */
  constructor({ env, options, limits, events, warn, worked, protocol, finder, checkReachable }: TalkInit) {
    const { exposeErrors = false } = options
    this.#events = events
    this.#protocol = protocol
    this.#checkReachable = checkReachable
    this.#handlers = new Handlers(worked)
    this.limits = { ...limits, ...requestLimitsFrom(options.limits) }
    const { maxRequests: count, maxRequestBytes: bytes } = this.limits
    this.own = { ...messagesBeside(events, options), open: { count, bytes } }
    this.#subscriptions = new Subscriptions({ limits: this.limits, warn })
    this.#shared = {
      env,
      limits: this.limits,
      handlers: this.#handlers,
      finder,
      subscriptions: this.#subscriptions,
      exposeErrors,
      headerFault: this.headerFault,
    }
  }

  /** The rules of the protocol for headers. */
  readonly headerFault: HeaderFault = (name, value) => (this.#protocol.headerFault ?? headerFault)(name, value)

  /** Whether a handler is at work, be it for a peer that is gone. */
  get isWorking(): boolean {
    return this.#handlers.areWorking
  }

  /** Whether this side has defined a message of this name. */
  defines(name: string): boolean {
    return this.own.table.byName.has(name)
  }

  /** Throws a `TypeError` for what is not the name of an event. */
  checkEvent(name: string): void {
    checkOneOf('event', name, this.#events)
  }

  /** Throws a `TypeError` for what nobody will ever hear of: neither an event nor one of this side's messages without a reply. */
  checkHeard(name: string): void {
    if (this.#events.includes(name)) return
    const messages = [...this.own.table].flatMap(({ name, isRequest }) => (isRequest ? [] : [name]))
    const known = [...this.#events, ...messages.slice(0, MAX_LISTED)].join(', ')
    const more = messages.length > MAX_LISTED ? ` and ${messages.length - MAX_LISTED} more messages` : ''
    throw new TypeError(
      `Expected the name of an event or of a message without a reply, got ${JSON.stringify(name)}; known are ${known}${more}`,
    )
  }

  /** Throws a `TypeError` for what is not the name of one of this side's requests, and `UNSUPPORTED` where nobody can be asked. */
  checkRequest(name: string, { headers, body }: Pick<RequestOptions, 'headers' | 'body'>): void {
    this.#entry(name, { isRequest: true })
    try {
      this.#checkSupports('request', headers)
      if (body !== undefined) this.#checkSupports('stream')
    } catch (error) {
      dropBody(body)
      throw error
    }
  }

  /** The same for what streams its reply. */
  checkStream(name: string, options: Pick<RequestOptions, 'headers' | 'body'>): void {
    this.checkRequest(name, options)
    this.#checkSupports('stream')
  }

  /** Throws a `TypeError` for what is not the name of one of this side's messages without a reply, and `UNSUPPORTED` where nothing can be sent. */
  checkMessage(name: string, { headers }: Pick<SendOptions, 'headers'>): void {
    this.#entry(name, { isRequest: false })
    this.#checkSupports('message', headers)
  }

  /** The bytes of a message's payload, as all peers that know it take them. Throws `ENCODE_FAILED` and `ITEM_TOO_LARGE`. */
  encode(name: string, payload: unknown): Uint8Array {
    return this.#encode(this.#entry(name, { isRequest: false }), payload)
  }

  /** How long the payload of a request is, encoded. Throws `ENCODE_FAILED` and `ITEM_TOO_LARGE`. */
  lengthOf(name: string, payload: unknown): number {
    return this.#encode(this.#entry(name, { isRequest: true }), payload).length
  }

  /** What all its conversations share. */
  get shared(): SharedByConversations {
    return this.#shared
  }

  handle(name: string, handler: RequestHandler<never>, options?: HandleOptions): () => void {
    this.#entry(name, { isRequest: true })
    this.#checkReachable?.(name)
    return this.#handlers.add(name, handler, options)
  }

  subscribe(name: string, options?: SubscribeOptions): Subscription<Sender> {
    this.#entry(name, { isRequest: false })
    this.#checkReachable?.(name)
    return this.#subscriptions.subscribe(name, options)
  }

  on(name: string, listener: Listener<ReceivedMessage<Sender>>): () => void {
    this.#entry(name, { isRequest: false })
    this.#checkReachable?.(name)
    return this.#subscriptions.on(name, listener)
  }

  /** Loops over messages end when what waits was read. */
  close(): void {
    this.#subscriptions.close()
  }

  #checkSupports(feature: keyof Supports, headers?: Headers): void {
    const { name, supports } = this.#protocol
    checkSupports(name, supports, feature)
    if (headers !== undefined) checkSupports(name, supports, 'headers')
  }

  #encode({ parts: { payload: codec } }: MessageEntry, payload: unknown): Uint8Array {
    const encoded = encodeWith(codec, payload, codec.what)
    checkSize(encoded.length, this.limits.maxItemBytes)
    return encoded
  }

  #entry(name: string, { isRequest }: { isRequest: boolean }): MessageEntry {
    const entry = this.own.table.byName.get(name)
    if (entry?.isRequest === isRequest) return entry
    const kind = isRequest ? 'with a reply' : 'without a reply'
    throw new TypeError(`Expected the name of one of this side's \`messages\`, ${kind}, got ${JSON.stringify(name)}`)
  }
}
