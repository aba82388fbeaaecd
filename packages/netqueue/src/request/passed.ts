import type { Failure } from '../delivery/failure.ts'
import { headerBytes } from '../message/headers.ts'
import type { Headers } from '../message/headers.ts'
import { routeBytes, routeOf } from '../message/route.ts'
import type { Named, Path } from '../message/route.ts'
import type { Linked } from '../queue/linked-list.ts'
import { Call } from './call.ts'
import type { Asker, CallOwner } from './call.ts'
import type { Conduit } from './conduit.ts'
import { checkSize } from './failures.ts'
import { laneOf } from './lanes.ts'
import type { Lanes } from './lanes.ts'
import type { ExchangeWriter, Mail } from './mail.ts'
import type { Side } from './side.ts'
import type { Outgoing } from './streams.ts'

/** A request of somebody else's, as it goes on. */
export interface Passed {
  asker: Asker
  named: Named
  /** For whom it is, of those below the peer. @default the peer, or whomever that finds */
  to: Path | undefined
  channel: number
  headers: Headers | undefined
  payload: Uint8Array
  /** When its time is over, on the clock of `env`. @default never */
  deadline: number | undefined
  body: Conduit | undefined
  replies: Conduit
  /** The call is about to begin, on this side. */
  attach: (call: Call, side: Side) => void
  /** A reply is announced that comes as chunks. */
  streamed: (headers: Headers | undefined) => void
}

/** The end of a body that goes on elsewhere, or not at all. */
class BodyEnd implements Mail {
  before: Linked = this
  after: Linked = this
  readonly #end: Failure & { tag: number; channel: number }

  constructor(end: Failure & { tag: number; channel: number }) {
    this.#end = end
  }

  write(writer: ExchangeWriter): boolean {
    return writer.chunkEnd({ ...this.#end, direction: 'body' })
  }
}

/** The body of a request that passes, on its way to one peer: where that does not begin it, it is another one's. */
class PassedBody implements Outgoing {
  readonly #conduit: Conduit
  readonly #lanes: Lanes
  readonly #channel: number
  #tag = 0
  #isElsewhere = false

  constructor(conduit: Conduit, lanes: Lanes, channel: number) {
    this.#conduit = conduit
    this.#lanes = lanes
    this.#channel = channel
  }

  get isBegun(): boolean {
    return this.#conduit.isBegun
  }

  start(tag: number): void {
    this.#tag = tag
    this.#conduit.start(tag)
  }

  granted(chunks: number, bytes: number): void {
    if (!this.#isElsewhere) this.#conduit.granted(chunks, bytes)
  }

  async cease(): Promise<void> {
    if (!this.#isElsewhere) await this.#conduit.cease()
  }

  release(): void {
    this.#isElsewhere = true
  }

  finish(end: Failure): void {
    if (!this.#isElsewhere) return this.#conduit.finish(end)
    this.#lanes.post(laneOf(this.#channel), new BodyEnd({ ...end, tag: this.#tag, channel: this.#channel }))
  }
}

/** The call with which it goes on. Throws for what its peer does not take, or may not have. */
export function passedCall(owner: CallOwner, passed: Passed): Call {
  const { asker, named, to, channel, headers, payload, deadline, body, replies, streamed } = passed
  const { vocabulary, maxItemBytes, lanes } = owner.side
  const id = vocabulary.idFor?.(named) ?? 0
  const route = routeOf(id === 0 ? named : undefined, to)
  if (route !== undefined) owner.side.checkRoutes()
  checkSize(payload.length + headerBytes(headers) + routeBytes(route), maxItemBytes)
  if (headers !== undefined) owner.side.checkSupports('headers')
  if (body !== undefined) owner.side.checkSupports('stream')
  const streams = { body: body && new PassedBody(body, lanes, channel), replies, streamed }
  return new Call(owner, asker, {
    name: named.name,
    id,
    channel,
    headers,
    payload,
    timeout: Number.POSITIVE_INFINITY,
    deadline,
    signal: undefined,
    body: undefined,
    label: undefined,
    route,
    passed: streams,
  })
}
