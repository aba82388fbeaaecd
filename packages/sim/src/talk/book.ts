import type { RequestContext, ServerClient } from 'netqueue'
import type { Counts } from '../counts.ts'
import type { Check, Invariant } from '../invariants.ts'
import type { Session } from '../session.ts'
import { keyOf } from '../ledger.ts'
import { codeOf } from '../code-of.ts'
import { givesValue, isRightful } from './outcomes.ts'
import { isThere } from './party.ts'
import type { Party, Peer } from './party.ts'
import type { Plan } from './plan.ts'
import { EARLY_MS, Request } from './request.ts'

export interface BookInit {
  counts: Counts
  now: () => number
  check: Check
  note: (what: string) => void
  /** The session of a client, as the server sees it. */
  sessionOf: (client: ServerClient) => Session
  /** Calls at once of the handler that has a limit. */
  concurrency: number
}

/** All requests that somebody made, and what their makers and their handlers saw. */
export class Book {
  readonly requests: Map<string, Request> = new Map()
  readonly #init: BookInit

  constructor(init: BookInit) {
    this.#init = init
  }

  /** Those that somebody alive waits for. */
  get waiting(): Request[] {
    return [...this.requests.values()].filter(({ outcome, asker }) => outcome === undefined && !asker.process.isDead)
  }

  /** `peer`: none for whoever is free. */
  add(asker: Party, plan: Plan, peer: Peer | undefined): Request {
    const request = new Request({ number: this.requests.size + 1, asker, plan, peer, now: this.#init.now() })
    this.requests.set(request.key, request)
    this.#init.note(
      `${asker.name} asks ${request.key} (${plan.verb}, ${plan.act}) of ${peer?.session.name ?? 'somebody'}`,
    )
    return request
  }

  /** A call came to its end with one value. */
  answered(request: Request, value: unknown): void {
    const { key, begun, answer, asker, dialogue } = request
    this.#settle(request, 'value')
    this.#init.counts.answers += 1
    this.#check(
      value === answer,
      'I14',
      `${key} was answered with what its handler did not give: ${keyOf(String(value))}`,
    )
    this.#check(begun === 1, 'I14', `${key} was answered, and its handler was called ${begun} times`)
    this.#check(givesValue(request, asker, dialogue?.answerer), 'I14', `${key} was answered, where its handler fails`)
  }

  /** A stream was read to its end, or left. */
  streamed(request: Request, how: 'stream' | 'left'): void {
    request.isGivenUp = how === 'left'
    this.#settle(request, how)
    if (how === 'left') this.#init.counts.streamsLeft += 1
    else this.#init.counts.streams += 1
  }

  failed(request: Request, error: unknown): void {
    const { now, counts } = this.#init
    const { remoteCode, delivered } = error as { remoteCode?: string; delivered?: string }
    const code = codeOf(error)
    request.isGivenUp = true
    this.#settle(request, code === 'REMOTE_ERROR' ? `failed with ${remoteCode}` : `${code} ${delivered}`)
    const isRight = isRightful(request, { code, remoteCode, delivered }, now())
    this.#check(isRight, 'I13', `${request.key} failed wrongly with ${code} ${remoteCode ?? ''}: ${String(error)}`)
    if (code === 'REMOTE_ERROR') counts.failures += 1
    if (code === 'TIMEOUT') counts.deadlines += 1
    if (code === 'CONNECTION_LOST') counts.lostRequests += 1
    if (delivered === 'no' || code === 'ABORT') this.#withdrawn(request, code)
  }

  /** A handler is called. Returns the request, where it is one. */
  begins(party: Party, payload: string, context: RequestContext): Request | undefined {
    const request = this.requests.get(keyOf(payload))
    this.#init.note(`${party.name} begins ${keyOf(payload)}`)
    if (request?.text !== payload || request.dialogue === undefined) {
      this.#check(false, 'I14', `${party.name} was asked ${keyOf(payload)}, which nobody asked like that`)
      return undefined
    }
    request.begun += 1
    request.isRunning = true
    request.context = context
    this.#checkBegin(party, request, context)
    request.dialogue.begins(request)
    return request
  }

  /** The signal of a handler has fired: somebody must have given up, or be gone. */
  fired(party: Party, request: Request, reason: string): void {
    const { key, asker, dialogue, arrivedAt = 0, deadlineMs = Number.POSITIVE_INFINITY } = request
    const now = this.#init.now()
    const isOver = dialogue?.isOverThere === true || !isThere(party)
    const isRight =
      (reason === 'CANCELLED' && (request.isUnwanted(now) || asker.process.isDead)) ||
      (reason === 'TIMEOUT' && now - arrivedAt >= deadlineMs - EARLY_MS) ||
      isOver
    this.#check(isRight, 'I16', `the handler of ${key} was told ${reason} without a reason`)
  }

  ends(party: Party, request: Request, how: string): void {
    request.isRunning = false
    this.#init.note(`${party.name} ends ${request.key}: ${how}`)
  }

  #settle(request: Request, outcome: string): void {
    const { key, asker } = request
    this.#init.note(`${asker.name} has the end of ${key}: ${outcome}`)
    this.#check(request.outcome === undefined, 'I13', `${key} came to an end twice: ${request.outcome}, ${outcome}`)
    const isLate = request.plan.verb !== 'stream' && !request.isStreaming && request.isOverdue(this.#init.now())
    this.#check(!isLate, 'I13', `${key} came to an end after its time was up: ${outcome}`)
    request.outcome = outcome
  }

  /** Where the peer says that it refuses the request, it may have it; nobody else says so of one that was sent. */
  #withdrawn(request: Request, code: string): void {
    const { key, begun, dialogue } = request
    request.isWithdrawn = true
    const isOpen = begun === 0 && (dialogue === undefined || code === 'REMOTE_ERROR')
    this.#check(isOpen, 'I15', `${key} was sent, but its call said ${code}, not delivered`)
  }

  #checkBegin(party: Party, request: Request, { from, channel, headers, hasBody, name }: RequestContext): void {
    const { key, begun, isWithdrawn, dialogue, plan } = request
    this.#check(begun === 1, 'I15', `${key} was begun ${begun} times`)
    this.#check(!isWithdrawn, 'I15', `${key} was begun although its call said that it is not delivered`)
    this.#check(dialogue?.answerer === party, 'I14', `${key} was begun by ${party.name}, which was not asked`)
    if (party.name === 'server')
      this.#check(
        this.#init.sessionOf(from as ServerClient) === dialogue?.session,
        'I14',
        `${key} is said to be from another client`,
      )
    const isSame = name === plan.name && channel === plan.channel && hasBody === (plan.body !== undefined)
    const hasHeaders = JSON.stringify({ ...headers }) === JSON.stringify(plan.headers ?? {})
    this.#check(isSame && hasHeaders, 'I14', `${key} is not what was asked`)
    if (plan.name === 'ask:narrow') this.#checkConcurrency(party)
  }

  /** Those that wait for their peer do not count. */
  #checkConcurrency(party: Party): void {
    const { concurrency } = this.#init
    const atWork = [...this.requests.values()].filter(
      ({ isRunning, dialogue, plan }) =>
        isRunning &&
        dialogue?.answerer === party &&
        plan.name === 'ask:narrow' &&
        plan.body === undefined &&
        plan.reply === undefined,
    )
    this.#check(
      atWork.length <= concurrency,
      'I19',
      `${atWork.length} calls of one handler are at work, of ${concurrency}`,
    )
  }

  #check(isTrue: boolean, invariant: Invariant, message: string): void {
    this.#init.check(isTrue, invariant, message)
  }
}
