import { isThere } from './party.ts'
import type { Party } from './party.ts'
import type { Act } from './plan.ts'
import type { Request } from './request.ts'

/** What a call was rejected with, as far as it is looked at. */
export interface Failure {
  readonly code: string
  readonly remoteCode: string | undefined
  readonly delivered: string | undefined
}

/** Codes that the simulator's own handlers and sources throw. */
export const PLANNED = 'E_PLANNED'
export const SOURCE_FAILED = 'E_SOURCE'

/** Acts after which there is one value. */
const VALUES: ReadonlySet<Act> = new Set(['answer', 'collect', 'back', 'hold'])
export const givesValue = ({ plan: { act, unfit } }: Request, asker: Party, answerer: Party | undefined): boolean =>
  VALUES.has(act) && !(unfit === 'answer' && (asker.registry.checks || answerer?.registry.checks === true))

/** Whether the session that a request went to, or would have gone to, is over for its asker, or about to be. */
function isParting({ asker, dialogue, to, startedAt }: Request): boolean {
  if (!isThere(asker) || dialogue?.isOverHere === true) return true
  if (to !== undefined) return asker.lostAt.has(to)
  if (dialogue !== undefined) return false
  const isOver = asker.sessions.some((session) => !asker.lostAt.has(session) && session.mayBeOver('client'))
  return isOver || [...asker.lostAt.values()].some((at) => at >= startedAt)
}

/** Whether a call may rightly fail like that; where it may not, the simulator has found something. */
export function isRightful(request: Request, { code, remoteCode }: Failure, now: number): boolean {
  const { plan, asker, to, signal, body } = request
  switch (code) {
    case 'ABORT':
    case 'ABORTED':
      return signal?.aborted === true
    case 'TIMEOUT':
      return request.isExpired(now)
    case 'QUEUE_FULL':
      return to === undefined && asker.name === 'server' && request.isExpired(now)
    case 'CONNECTION_LOST':
      return isParting(request)
    case 'CLOSED':
      return isParting(request) || (to === undefined ? asker.endedTo.size > 0 : asker.endedTo.has(to))
    case 'MESSAGES_MISMATCH':
    case 'CONNECT_FAILED':
      return asker.voice?.state === 'failed'
    case 'CLIENT_GONE':
      return to !== undefined && asker.lostAt.has(to)
    case 'UNSUPPORTED':
      return asker.unknown.has(plan.name) || request.peer?.registry.has(plan.name) === false
    case 'REPLY_STREAMED':
      return plan.verb === 'request' && request.streams
    case 'ENCODE_FAILED':
      return plan.unfit === 'payload' && asker.registry.checks
    case 'DECODE_FAILED':
      return plan.unfit === 'answer' && asker.registry.checks && request.begun === 1
    case SOURCE_FAILED:
      return body.hasFailed
    case 'REMOTE_ERROR':
      return remoteCode === 'CLOSED' ? isLeft(request) : isRightfulAnswer(request, remoteCode ?? '', now)
    default:
      return false
  }
}

/** Whether somebody leaves who was asked, or was to be. */
function isLeft({ asker, dialogue, leftBy, to, peer }: Request): boolean {
  const asked = dialogue ?? leftBy
  const answerer = asked?.answerer ?? peer
  if (answerer !== undefined && !isThere(answerer)) return true
  const sessions = asked === undefined ? (to === undefined ? asker.sessions : [to]) : [asked.session]
  return sessions.some(({ isLeaving }) => isLeaving)
}

function isRightfulAnswer(request: Request, code: string, now: number): boolean {
  const { plan, asker, begun, dialogue } = request
  const answerer = dialogue?.answerer
  if (answerer === undefined) return false
  switch (code) {
    case PLANNED:
      return begun === 1 && plan.act === 'throw'
    case SOURCE_FAILED:
      return begun === 1 && request.reply.hasFailed
    case 'HANDLER_FAILED':
      return begun === 1 && plan.act === 'crash'
    case 'TOO_MANY_REQUESTS':
      return begun === 0 && takesLess(answerer, asker)
    case 'DECODE_FAILED':
      return begun === 0 && plan.unfit === 'payload' && answerer.registry.checks
    case 'ENCODE_FAILED':
      return begun === 1 && plan.unfit === 'answer' && answerer.registry.checks
    case 'TIMEOUT':
      return request.isExpired(now)
    case 'CONNECTION_LOST':
      return !isThere(answerer) || dialogue?.session.isLeaving === true
    default:
      return false
  }
}

/** Whether one takes fewer requests than the other sends. */
function takesLess({ limits: one }: Party, { limits: other }: Party): boolean {
  return one.maxRequests < other.maxRequests || one.maxRequestBytes < other.maxRequestBytes
}
