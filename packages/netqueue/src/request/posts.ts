import { Turns } from '../delivery/turns.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { CheckedHeaders } from '../message/headers.ts'
import type { HeaderFault, Headers } from '../message/headers.ts'
import { routeBytes } from '../message/route.ts'
import type { Path, Route } from '../message/route.ts'
import type { PassedMessage } from './finder.ts'
import { LinkedList, unlink } from '../queue/linked-list.ts'
import type { Linked } from '../queue/linked-list.ts'
import { checkWait } from '../queue/pending.ts'
import type { PendingInit, WaitOptions } from '../queue/pending.ts'
import { Waiter } from '../queue/waiter.ts'
import { checkSize, lost, tooManyWaiting, unsent } from './failures.ts'
import { MESSAGES } from './lanes.ts'
import type { ExchangeWriter, Mail } from './mail.ts'
import type { Side } from './side.ts'

export interface SendOptions extends WaitOptions {
  /** What goes beside the payload. */
  headers?: Headers | undefined
  /** @internal The way from the peer down to whom it is for. */
  path?: Path | undefined
  /** @internal Those below the peer who do not get it. */
  except?: readonly Path[] | undefined
}

interface PostOwner {
  /** It is on its way. */
  written(post: Post): void
}

interface PostInit {
  id: number
  headers: CheckedHeaders
  payload: Uint8Array
  route: Route | undefined
}

/** A message on its way out. */
class Post implements Mail {
  before: Linked = this
  after: Linked = this
  readonly bytes: number
  readonly #id: number
  readonly #headers: Headers | undefined
  readonly #payload: Uint8Array
  readonly #route: Route | undefined
  readonly #owner: PostOwner

  constructor(owner: PostOwner, { id, headers: { headers, bytes }, payload, route }: PostInit) {
    this.#owner = owner
    this.#id = id
    this.#headers = headers
    this.#payload = payload
    this.#route = route
    this.bytes = payload.length + bytes + routeBytes(route)
  }

  write(writer: ExchangeWriter): boolean {
    const route = this.#route
    const message = { name: this.#id, headers: this.#headers, payload: this.#payload, ...(route && { route }) }
    if (!writer.message(message)) return false
    this.#owner.written(this)
    return true
  }
}

const NO_HEADERS = new CheckedHeaders(undefined)

/** A `send` that waits for room. */
class Sender extends Waiter<void> {
  readonly post: Post

  constructor(post: Post, init: PendingInit) {
    super(init)
    this.post = post
  }
}

/** Our one-way messages to one peer. So many may wait to be written; whoever is ahead of that waits. */
export class Posts implements PostOwner {
  readonly #side: Side
  readonly #turns: Turns
  readonly #line: LinkedList<Sender> = new LinkedList()
  #waiting = 0
  #unsent = 0
  #bytes = 0

  constructor(side: Side) {
    this.#side = side
    this.#turns = new Turns(side.env)
  }

  /** Messages that are not written, those of calls that wait included. */
  get size(): number {
    return this.#unsent + this.#waiting
  }

  /** Resolves when the message waits for nothing but its turn to be written. */
  send(name: string, payload: unknown, options?: SendOptions, deadline?: number): Promise<void> {
    try {
      this.#side.checkOpen('message')
      return this.#send(name, this.#side.vocabulary.encode(name, 'payload', payload), options, deadline)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The same for bytes that are encoded already. */
  sendEncoded(name: string, payload: Uint8Array, options?: SendOptions, deadline?: number): Promise<void> {
    try {
      return this.#send(name, payload, options, deadline)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Sends if that takes no waiting; tells whether it did. What goes to many has its headers checked once, by whoever sends it. */
  trySendEncoded(
    name: string,
    payload: Uint8Array,
    headers: CheckedHeaders = NO_HEADERS,
    except?: readonly Path[],
  ): boolean {
    return this.#try(this.#post(name, payload, headers, except && { except }))
  }

  /** Passes on what somebody else said, if that takes no waiting; tells whether it did. */
  tryPass({ named, headers, payload }: PassedMessage, way: Route): boolean {
    const { vocabulary, maxItemBytes } = this.#side
    this.#side.checkOpen('message')
    if (headers !== undefined) this.#side.checkSupports('headers')
    const id = vocabulary.idFor?.(named) ?? 0
    const route = id === 0 ? { named, ...way } : isEmpty(way) ? undefined : way
    if (route !== undefined) this.#side.checkRoutes()
    const post = new Post(this, { id, headers: checked(headers, this.#side.headerFault), payload, route })
    checkSize(post.bytes, maxItemBytes)
    return this.#try(post)
  }

  #try(post: Post): boolean {
    if (!this.#hasRoom()) return false
    this.#enter(post)
    return true
  }

  close(error: NetQueueError): void {
    const reason = this.#waiting > 0 ? lost(error, 'no') : error
    for (const sender of this.#line) {
      unlink(sender)
      sender.reject(reason)
    }
    this.#waiting = 0
    this.#unsent = 0
  }

  /** @internal */
  written(post: Post): void {
    this.#unsent -= 1
    this.#bytes -= post.bytes
    for (let sender = this.#line.first; sender !== undefined && this.#hasRoom(); sender = this.#line.first) {
      this.#leave(sender)
      this.#enter(sender.post)
      sender.resolve()
    }
    this.#side.changed()
  }

  #send(name: string, payload: Uint8Array, options: SendOptions = {}, deadline?: number): Promise<void> {
    checkWait(options)
    const post = this.#post(name, payload, checked(options.headers, this.#side.headerFault), wayOf(options))
    if (!this.#hasRoom()) return this.#wait(post, options, deadline)
    this.#enter(post)
    return this.#turns.next()
  }

  #post(name: string, payload: Uint8Array, headers: CheckedHeaders, way?: Route): Post {
    const { vocabulary, maxItemBytes } = this.#side
    this.#side.checkOpen('message')
    if (headers.headers !== undefined) this.#side.checkSupports('headers')
    const id = vocabulary.idOf(name)
    const named = id === 0 ? vocabulary.named?.(name) : undefined
    const route = named === undefined ? way : { named, ...way }
    const post = new Post(this, { id, headers, payload, route })
    checkSize(post.bytes, maxItemBytes)
    return post
  }

  /** Where there is room nobody waits. */
  #hasRoom(): boolean {
    const { maxUnsentMessages, maxUnsentBytes } = this.#side.limits
    return this.#unsent < maxUnsentMessages && this.#bytes < maxUnsentBytes
  }

  #enter(post: Post): void {
    this.#unsent += 1
    this.#bytes += post.bytes
    this.#side.lanes.post(MESSAGES, post, post.bytes)
  }

  #wait(post: Post, options: WaitOptions, deadline: number | undefined): Promise<void> {
    // It may have fired while payload and headers were encoded, by what they themselves do then.
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason as Error)
    const { env } = this.#side
    const { maxWaiting } = this.#side.limits
    if (this.#waiting >= maxWaiting) throw tooManyWaiting(maxWaiting)
    this.#waiting += 1
    const sender = new Sender(post, {
      env,
      wait: deadline === undefined ? options : { timeout: Math.max(0, deadline - env.now()), signal: options.signal },
      timedOut: () => unsent(options.timeout),
      withdrawn: () => this.#leave(sender),
    })
    this.#line.push(sender)
    return sender.promise
  }

  #leave(sender: Sender): void {
    unlink(sender)
    this.#waiting -= 1
    this.#side.changed()
  }
}

const checked = (headers: Headers | undefined, fault: HeaderFault): CheckedHeaders =>
  headers === undefined ? NO_HEADERS : new CheckedHeaders(headers, fault)

const isEmpty = ({ to, except }: Route): boolean => to === undefined && except === undefined

/** Most messages have none. */
function wayOf({ path, except }: SendOptions): Route | undefined {
  if (path === undefined && except === undefined) return undefined
  return { ...(path !== undefined && { to: path }), ...(except !== undefined && { except }) }
}
