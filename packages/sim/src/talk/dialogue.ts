import type { Counts } from '../counts.ts'
import type { Check, Invariant } from '../invariants.ts'
import { LONG } from '../ledger.ts'
import type { Session } from '../session.ts'
import type { Party } from './party.ts'
import type { TalkRecord } from './records.ts'
import { idOnWire } from './registries.ts'
import type { Request } from './request.ts'
import type { Strand } from './strand.ts'

type Record<K extends TalkRecord['kind']> = Extract<TalkRecord, { kind: K }>

export interface DialogueInit {
  session: Session
  asker: Party
  answerer: Party
  counts: Counts
  find: (key: string) => Request | undefined
  now: () => number
  check: Check
  /** Has something looked at when all that follows from this event has happened. */
  atEventEnd: (look: () => void) => void
}

/** The requests of one side of a session, as the wire shows them: what either side may say, and when. */
export class Dialogue {
  readonly session: Session
  readonly asker: Party
  readonly answerer: Party
  readonly name: string
  /** Those whose answer has not come whole, as the asker knows. */
  readonly open: Map<number, Request> = new Map()
  /** The asker has said that no more requests come. */
  hasEnded = false
  /** The asker's, the answerer's session is over: what is written or received then means nothing. */
  isLostHere = false
  isLostThere = false
  /** The highest tag whose handler was called, by channel. */
  readonly #begun: Map<number, number> = new Map()
  readonly #lastTags: Map<number, number> = new Map()
  readonly #requests: Map<number, Request> = new Map()
  readonly #init: DialogueInit

  constructor(init: DialogueInit) {
    this.#init = init
    this.session = init.session
    this.asker = init.asker
    this.answerer = init.answerer
    this.name = `${init.asker.name} asks ${init.answerer.name}`
  }

  /** Whether the asker, the answerer may have given the session up: a client tells nobody when it waits no more. */
  get isOverHere(): boolean {
    return this.isLostHere || (this.asker.name !== 'server' && this.session.mayBeOver('client'))
  }

  get isOverThere(): boolean {
    return this.isLostThere || (this.answerer.name !== 'server' && this.session.mayBeOver('client'))
  }

  /** Requests at which a handler of the answerer's is at work. */
  get running(): Request[] {
    return [...this.#requests.values()].filter(({ isRunning, dialogue }) => isRunning && dialogue === this)
  }

  get all(): Iterable<Request> {
    return this.#requests.values()
  }

  /** The asker has written a record. */
  sent(record: TalkRecord): void {
    switch (record.kind) {
      case 'request':
        return this.#asked(record)
      case 'endRequests':
        this.#check(!this.hasEnded, 'I22', 'said twice that no more requests come')
        this.#init.counts.endings += 1
        this.hasEnded = true
        return
      case 'cancelRequest':
        return this.#cancelled(record)
      default:
        return this.#strandSent(record, 'body')
    }
  }

  /** The answerer was given a record of the asker's. */
  arrived(record: TalkRecord): void {
    if (record.kind === 'endRequests') return
    const request = this.#find(record)
    if (request === undefined) return
    if (record.kind === 'request') request.arrivedAt = this.#init.now()
    if (record.kind === 'cancelRequest') this.#mustBeTold(request, 'was cancelled')
    if (record.kind === 'chunkCredit') heard(request.reply, record)
    if (record.kind === 'chunk') request.body.arrived += 1
  }

  /** The answerer has written a record. */
  answered(record: TalkRecord): void {
    const request = this.#find(record)
    if (request === undefined) return
    if (record.kind === 'response' || record.kind === 'refusal') {
      this.#check(request.arrivedAt !== undefined, 'I22', `${request.key} was answered before it arrived`)
      this.#check(!request.isAnswered, 'I22', `${request.key} was answered twice`)
      request.isAnswered = true
      if (record.kind === 'response') request.reply.isAnnounced = record.hasStream
    } else this.#strandSent(record, 'reply')
  }

  /** The asker was given a record of the answerer's. */
  told(record: TalkRecord): void {
    const request = this.#find(record)
    if (request === undefined) return
    if (record.kind === 'chunkCredit') heard(request.body, record)
    if (record.kind === 'chunk') request.reply.arrived += 1
    if (record.kind === 'response') request.isStreaming = record.hasStream
    if (record.kind === 'refusal' && record.code === 'CLOSED' && request.begun === 0) return this.#turnedAway(request)
    const isWhole =
      record.kind === 'refusal' || record.kind === 'chunkEnd' || (record.kind === 'response' && !record.hasStream)
    if (isWhole) this.open.delete(request.tag)
  }

  #turnedAway(request: Request): void {
    this.open.delete(request.tag)
    request.turnedAway()
  }

  /** A handler is called: within a channel, in order. */
  begins({ tag, key, plan: { channel } }: Request): void {
    const last = this.#begun.get(channel) ?? 0
    this.#check(tag > last, 'I19', `${key} of channel ${channel} began after request ${last}`)
    this.#begun.set(channel, tag)
  }

  /** The answerer has lost the session: whoever is at work for it must hear of that. */
  lostThere(): void {
    if (this.isLostThere) return
    this.isLostThere = true
    for (const request of this.running) this.#mustBeTold(request, 'lost its requester')
  }

  /** The asker has lost the session: nobody waits for an answer any more, but a stream may be read to its end. */
  lostHere(): void {
    if (this.isLostHere) return
    this.isLostHere = true
    const waiting = [...this.open.values()].filter(({ outcome, isStreaming }) => outcome === undefined && !isStreaming)
    this.#init.atEventEnd(() => {
      for (const { outcome, key, plan } of waiting)
        this.#check(outcome !== undefined || plan.verb === 'stream', 'I13', `${key} outlived its session`)
    })
  }

  #asked({ tag, channel, id, deadlineMs, headers, hasBody, key }: Record<'request'>): void {
    const { find, counts } = this.#init
    const request = find(key)
    counts.requests += 1
    if (request === undefined) return this.#check(false, 'I22', `sent ${key}, which nobody asked`)
    const { plan } = request
    this.#check(request.asker === this.asker, 'I22', `sent ${key}, which ${request.asker.name} asked`)
    this.#check(request.dialogue === undefined, 'I15', `${key} was sent again`)
    this.#check(request.to === undefined || request.to === this.session, 'I22', `${key} was sent to another`)
    this.#check(!request.isWithdrawn, 'I15', `${key} was sent although its call said that it is not delivered`)
    this.#check(!this.hasEnded, 'I22', `${key} was sent after the end of requests`)
    this.#check(tag > (this.#lastTags.get(channel) ?? 0), 'I22', `${key} has tag ${tag}, which does not grow`)
    this.#check(!this.#requests.has(tag), 'I22', `${key} has tag ${tag}, which another had`)
    this.#check(id === idOnWire(this.asker.registry, this.answerer.registry, plan.name), 'I22', `${key} has id ${id}`)
    const isSame = channel === plan.channel && hasBody === (plan.body !== undefined)
    this.#check(isSame && headers === Object.keys(plan.headers ?? {}).length, 'I22', `${key} is not as it was asked`)
    this.#checkDeadline(request, deadlineMs)
    request.dialogue = this
    request.tag = tag
    request.deadlineMs = deadlineMs
    request.body.isAnnounced = hasBody
    this.#lastTags.set(channel, tag)
    this.#requests.set(tag, request)
    this.open.set(tag, request)
    this.#checkOpen()
  }

  #checkDeadline({ key, plan, defaultTimeout }: Request, deadlineMs: number | undefined): void {
    const most = plan.timeout ?? defaultTimeout
    const isRight = deadlineMs === undefined ? most === Number.POSITIVE_INFINITY : deadlineMs <= Math.ceil(most) + 1
    this.#check(isRight, 'I22', `${key} was sent with a deadline of ${deadlineMs} ms, of ${most}`)
  }

  #checkOpen(): void {
    const { counts } = this.#init
    const { maxRequests } = this.asker.limits
    this.#check(this.open.size <= maxRequests, 'I18', `${this.open.size} requests are open, of ${maxRequests}`)
    if (this.open.size === 256) counts.crowds += 1
  }

  /** Nobody is told to stop what somebody waits for: the call is over when all of this event has happened. */
  #cancelled(record: Record<'cancelRequest'>): void {
    const { counts, atEventEnd, check, now } = this.#init
    const request = this.#find(record)
    counts.requestCancels += 1
    if (request === undefined) return
    atEventEnd(() =>
      check(request.isUnwanted(now()), 'I22', `${request.key} was cancelled while somebody waits for it`),
    )
  }

  /** When the time of a request is up: its handler has been told, if it is still at work. */
  expired(request: Request): void {
    this.#mustBeTold(request, 'came to its deadline')
  }

  /** A handler at work has its signal fired by what has just arrived. */
  #mustBeTold(request: Request, why: string): void {
    const { check, atEventEnd } = this.#init
    atEventEnd(() => {
      const isUntold = request.isRunning && !request.hasAborted && !this.answerer.process.isDead
      check(!isUntold, 'I16', `${request.key} ${why}, and its handler was not told`)
    })
  }

  /** A record of a stream, by whoever sends that stream, or reads it. */
  #strandSent(record: TalkRecord, own: 'body' | 'reply'): void {
    if (record.kind !== 'chunk' && record.kind !== 'chunkEnd' && record.kind !== 'chunkCredit') return
    const request = this.#find(record)
    if (request?.dialogue !== this) return
    const strand = request[record.direction]
    if (record.kind === 'chunkCredit') return this.#granted(strand, record, own === 'body' ? this.asker : this.answerer)
    this.#check(strand.isAnnounced && !strand.isEnded, 'I22', `${strand.name} has a ${record.kind} outside of a stream`)
    if (record.kind === 'chunkEnd') {
      strand.isEnded = true
      return
    }
    this.#init.counts.chunks += 1
    if (record.bytes > LONG) this.#init.counts.longTexts += 1
    const { sizes, limit, sentBytes, byteLimit } = strand
    this.#check(sizes.length < limit, 'I18', `${strand.name} has chunk ${sizes.length + 1}, of ${limit} granted`)
    this.#check(sentBytes < byteLimit, 'I18', `${strand.name} has more than the ${byteLimit} bytes that were granted`)
    sizes.push(record.bytes)
    strand.sentBytes += record.bytes
  }

  /** A reader grants no more than a window beyond what was asked of it. */
  #granted(strand: Strand, { chunks, bytes }: Record<'chunkCredit'>, { limits }: Party): void {
    const isMore = chunks >= strand.granted && bytes >= strand.grantedBytes
    this.#check(isMore, 'I18', `${strand.name} was granted less than before`)
    const { read } = strand
    const most = read.chunks + limits.maxStreamChunks
    this.#check(chunks <= most, 'I18', `${strand.name} was granted ${chunks} chunks, where ${most} would be all`)
    const mostBytes = read.bytes + limits.maxStreamBytes
    this.#check(bytes <= mostBytes, 'I18', `${strand.name} was granted ${bytes} bytes, where ${mostBytes} would be all`)
    strand.granted = chunks
    strand.grantedBytes = bytes
  }

  #find(record: TalkRecord): Request | undefined {
    const tag = 'tag' in record ? record.tag : 0
    const request = this.#requests.get(tag)
    this.#check(request !== undefined, 'I22', `a ${record.kind} is about request ${tag}, which was not sent`)
    return request
  }

  #check(isTrue: boolean, invariant: Invariant, message: string): void {
    if (!isTrue) this.#init.check(false, invariant, `${this.name}: ${message}`)
  }
}

function heard(strand: Strand, { chunks, bytes }: { chunks: number; bytes: number }): void {
  strand.limit = Math.max(strand.limit, chunks)
  strand.byteLimit = Math.max(strand.byteLimit, bytes)
}
