import type { RequestContext } from 'netqueue'
import { textOf } from '../ledger.ts'
import type { Session } from '../session.ts'
import type { Dialogue } from './dialogue.ts'
import type { Party, Peer } from './party.ts'
import type { Plan } from './plan.ts'
import { UNFIT } from './registries.ts'
import { Strand } from './strand.ts'

/** What sums of fractions may be off. */
export const EARLY_MS = 1e-6
/** The part of its time by which a deadline may pass too late, and what whole milliseconds add to that, once on each clock. */
export const LATENESS: number = 1 / 64
export const LATE_MS = 2

export interface RequestInit {
  number: number
  asker: Party
  plan: Plan
  /** Whom it is for; `undefined` for whoever is free. */
  peer: Peer | undefined
  now: number
}

/** What the simulator knows of one request. */
export class Request {
  readonly key: string
  readonly asker: Party
  readonly plan: Plan
  readonly to: Session | undefined
  readonly peer: Party | undefined
  readonly startedAt: number
  readonly text: string
  readonly answer: string
  readonly body: Strand
  readonly reply: Strand
  /** What became of it for whoever made it: `value`, `stream`, `left`, or a code. */
  outcome: string | undefined
  /** Whoever made it may call it off by this. */
  signal: AbortSignal | undefined
  /** Whoever made it knows that it gets no answer, or no more of it. */
  isGivenUp = false
  /** Whoever made it was told that it is certainly not begun. */
  isWithdrawn = false
  /** Where it went, when it was on the wire. */
  dialogue: Dialogue | undefined
  /** Where it was refused last by somebody who leaves. */
  leftBy: Dialogue | undefined
  tag = 0
  /** Milliseconds that its handler has, as the wire says; `undefined`: for ever. */
  deadlineMs: number | undefined
  arrivedAt: number | undefined
  isAnswered = false
  /** Whoever made it was told that its answer comes in chunks. */
  isStreaming = false
  begun = 0
  /** Its handler, or what that returned to be streamed, is at work. */
  isRunning = false
  context: RequestContext | undefined

  constructor({ number, asker, plan, peer, now }: RequestInit) {
    this.asker = asker
    this.plan = plan
    // A client asks its server, by whichever session it has.
    this.to = peer?.client === undefined ? undefined : peer.session
    this.peer = peer?.party
    this.startedAt = now
    this.key = `${plan.unfit === 'payload' ? UNFIT : 'q'}${number}`
    this.text = textOf(this.key, plan.length)
    this.answer = textOf(`${plan.unfit === 'answer' ? UNFIT : 'a'}${number}`, plan.answerLength)
    this.body = new Strand(`the body of ${this.key}`, `b${number}`, plan.body)
    // What comes along is what goes back.
    const kind = plan.act === 'echo' ? 'b' : 'r'
    this.reply = new Strand(`the reply to ${this.key}`, `${kind}${number}`, plan.reply)
  }

  /** Milliseconds, where it names no time. */
  get defaultTimeout(): number {
    return this.plan.verb === 'stream' ? Number.POSITIVE_INFINITY : this.asker.limits.requestTimeoutMs
  }

  /** Somebody who leaves has not begun it: it can go elsewhere. */
  turnedAway(): void {
    this.leftBy = this.dialogue
    this.dialogue = undefined
    this.arrivedAt = undefined
    this.isAnswered = false
    this.body.restart()
    this.reply.restart()
  }

  /** Whether its handler streams. */
  get streams(): boolean {
    return this.plan.reply !== undefined
  }

  /** Whether its handler has been told that nobody waits. */
  get hasAborted(): boolean {
    return this.context?.signal.aborted === true
  }

  /** Whether nobody waits for it any more: who reads a stream hears of that only when he asks for more. */
  isUnwanted(now: number): boolean {
    return this.isGivenUp || this.isExpired(now) || this.signal?.aborted === true || this.body.hasFailed
  }

  /** Whether its time is up. */
  isExpired(now: number): boolean {
    return now - this.startedAt >= this.#timeout() - EARLY_MS
  }

  /** Whether its call should have given up. Whoever was paused hears of nothing. */
  isOverdue(now: number): boolean {
    const due = this.startedAt + this.#timeout() * (1 + LATENESS) + LATE_MS
    return now > Math.max(due, this.asker.process.pausedUntil + LATE_MS)
  }

  #timeout(): number {
    return this.plan.timeout ?? this.defaultTimeout
  }
}
