import { checkInteger, checkMs } from '../errors/check.ts'
import { USUAL_REQUESTS } from '../message/registry.ts'

/** What requests, streams and messages of one connection may cost. Counts and bytes come in pairs: either alone can be got round. */
export interface RequestLimits {
  /**
   * Requests that may be open at once, in each direction: where the peer takes fewer, so many. Ours beyond it wait here; the peer's are
   * refused (`TOO_MANY_REQUESTS`). At most 1,024. @default 256
   */
  maxRequests: number
  /** Bytes of payloads of open requests, in each direction; one request may overshoot it. @default 16_777_216 */
  maxRequestBytes: number
  /** Chunks that a stream may have under way or unread. @default 256 */
  maxStreamChunks: number
  /** The same in bytes; one chunk may overshoot it. @default 1_048_576 (what a fast network has under way at a time) */
  maxStreamBytes: number
  /** Messages that may wait to be written; the next `send` waits for room. @default 1_024 */
  maxUnsentMessages: number
  /** The same in bytes; one message may overshoot it. @default 1_048_576 */
  maxUnsentBytes: number
  /** Messages that may wait for one subscriber; then it loses some. @default 1_024 */
  maxUnreadMessages: number
  /** The same in bytes, headers included; one message may overshoot it. @default 4_194_304 */
  maxUnreadBytes: number
  /** Requests that a peer may cancel at once; after that, 33 in a second. Beyond it: `RATE_EXCEEDED`. @default 1_000 (as HTTP/2 servers do since "rapid reset") */
  maxCancels: number
  /**
   * Requests of a peer that may be refused as too many at once; after that, 33 in a second. So many again are its messages that may be
   * impossible to decode. Beyond it: `RATE_EXCEEDED`. @default 1_000
   */
  maxRefusals: number
  /** For a request that names no `timeout`. Times of requests are never cut short, and may be 1/64 longer, as many share a timer. @default 30_000 */
  requestTimeoutMs: number
}

export const requestLimitDefaults: RequestLimits = {
  maxRequests: USUAL_REQUESTS.count,
  maxRequestBytes: USUAL_REQUESTS.bytes,
  maxStreamChunks: 256,
  maxStreamBytes: 1_048_576,
  maxUnsentMessages: 1_024,
  maxUnsentBytes: 1_048_576,
  maxUnreadMessages: 1_024,
  maxUnreadBytes: 4_194_304,
  maxCancels: 1_000,
  maxRefusals: 1_000,
  requestTimeoutMs: 30_000,
}

/** How fast the buckets fill up again. Source: what HTTP/2 servers allow since "rapid reset" (CVE-2023-44487). */
export const PER_SECOND = 33
/** Tags are the peer's choice, and 16,000 that collide in a `Map` cost two thirds of a second. */
const MAX_REQUESTS = 1_024

/** Fills in the defaults and throws for what is no limit. */
export function requestLimitsFrom(options: Partial<RequestLimits> = {}): RequestLimits {
  const limits = { ...requestLimitDefaults }
  for (const name of Object.keys(requestLimitDefaults) as (keyof RequestLimits)[])
    limits[name] = options[name] ?? requestLimitDefaults[name]
  const { requestTimeoutMs, ...counts } = limits
  for (const [name, value] of Object.entries(counts)) checkInteger(name, value, 1)
  checkInteger('maxRequests', limits.maxRequests, 1, MAX_REQUESTS)
  checkMs('requestTimeoutMs', requestTimeoutMs)
  return limits
}
