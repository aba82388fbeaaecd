import { checkInteger, checkMs } from '../errors/check.ts'

/** What one side lets the other cost it. Each limit is enforced before the memory that it bounds is taken. */
export interface Limits {
  /** Longest frame taken once a peer has introduced itself. @default 1_048_576 (large items travel in pieces, so nothing needs more) */
  maxFrameBytes: number
  /**
   * Longest frame taken before that, and longest introduction sent: for hundreds of messages with long names, set it on both sides.
   * @default 8_192 (the usual introduction is far shorter, and whoever sends more is no peer)
   */
  maxHelloBytes: number
  /** Longest encoded item or result, in either direction. @default 1_048_576 */
  maxItemBytes: number
  /** Items that one peer may hold unsettled, in each direction, whatever is granted. @default 16_384 */
  maxUnsettled: number
  /** Bytes of items that one peer may hold unsettled, in each direction; one item may overshoot it. @default 16_777_216 */
  maxUnsettledBytes: number
  /** Bytes of received items that wait for a reader, of all peers together; beyond it, and beyond 500,000 messages, nobody gets credit. @default 268_435_456 */
  maxInboxBytes: number
  /** Bytes sent to one peer that are kept until it has taken them, where sessions resume; one frame may overshoot it, and nothing more leaves. @default 4_194_304 */
  maxReplayBytes: number
  /** Calls to `put` and `submit` that may wait at once; the next one rejects with `QUEUE_FULL`. @default 100_000 */
  maxWaiting: number
  /** Connections that a server has at once, beside those that are not introduced yet; the next one is closed unanswered. @default 10_000 */
  maxConnections: number
  /**
   * Connections that a server has in their introductions at once, handshake of TLS included. Further ones wait, unread, for
   * `handshakeTimeoutMs` at most, and addresses take turns; of more than 1,024, those are cut that came last from where most come.
   * @default 64 (which keeps two cores busy, and the last of a thousand that come at once in time)
   */
  maxHandshakes: number
  /** The same for those from one address; of IPv6, from one network of 2⁶⁴. @default 16 (so four addresses are needed to hold up the others) */
  maxHandshakesPerAddress: number
  /**
   * Clients from one address that may fail to show who they are within a minute; those that follow are cut at once until it is over. Behind a
   * proxy all come from one address.
   * @default 10 (whoever has a token needs one try, whoever guesses needs more than there are)
   */
  maxAuthFailures: number
  /** From the turn of a connection to the end of the introductions. @default 5_000 (an absolute deadline: a byte a second does not renew it) */
  handshakeTimeoutMs: number
  /**
   * A peer of which no whole frame came for so long is asked for one; after twice as long it is lost. 0: never.
   * @default 15_000 (dead peers are noticed in half a minute; a heartbeat costs 20 µs of CPU for each silent connection)
   */
  heartbeatMs: number
  /** From the first byte of a frame to its last, whatever comes in between; beyond it: `FRAME_TIMEOUT`. 0: no limit. @default 30_000 */
  frameTimeoutMs: number
  /** For how long a peer may take nothing of what is sent to it; beyond it: `SLOW_PEER`. 0: no limit. @default 30_000 */
  sendTimeoutMs: number
}

export const limitDefaults: Limits = {
  maxFrameBytes: 1_048_576,
  maxHelloBytes: 8_192,
  maxItemBytes: 1_048_576,
  maxUnsettled: 16_384,
  maxUnsettledBytes: 16_777_216,
  maxInboxBytes: 268_435_456,
  maxReplayBytes: 4_194_304,
  maxWaiting: 100_000,
  maxConnections: 10_000,
  maxHandshakes: 64,
  maxHandshakesPerAddress: 16,
  maxAuthFailures: 10,
  handshakeTimeoutMs: 5_000,
  heartbeatMs: 15_000,
  frameTimeoutMs: 30_000,
  sendTimeoutMs: 30_000,
}

const COUNTS = [
  'maxItemBytes',
  'maxUnsettled',
  'maxUnsettledBytes',
  'maxInboxBytes',
  'maxReplayBytes',
  'maxWaiting',
  'maxConnections',
  'maxHandshakes',
  'maxHandshakesPerAddress',
  'maxAuthFailures',
] as const
const TIMES = ['handshakeTimeoutMs', 'heartbeatMs', 'frameTimeoutMs', 'sendTimeoutMs'] as const

/** Connections that wait at a server for the turn to be introduced: they hold a descriptor each, and no bytes. */
export const MAX_WAITING_CONNECTIONS = 1_024

/** The smallest frame limit that every side must take: a batch is cut below it. */
export const MIN_FRAME_BYTES = 65_536

/** Fills in the defaults and throws for what is no limit. `carried`: the longest payload that the protocol carries. */
export function limitsFrom(options: Partial<Limits> = {}, carried: number = Number.POSITIVE_INFINITY): Limits {
  const limits = { ...limitDefaults }
  for (const name of Object.keys(limitDefaults) as (keyof Limits)[]) limits[name] = options[name] ?? limitDefaults[name]
  const { maxFrameBytes, maxHelloBytes } = limits
  checkInteger('maxFrameBytes', maxFrameBytes, MIN_FRAME_BYTES, 2 ** 26)
  checkInteger('maxHelloBytes', maxHelloBytes, limitDefaults.maxHelloBytes, MIN_FRAME_BYTES)
  for (const name of TIMES) checkMs(name, limits[name])
  for (const name of COUNTS) checkInteger(name, limits[name], 1)
  return { ...limits, maxItemBytes: Math.min(limits.maxItemBytes, carried) }
}
