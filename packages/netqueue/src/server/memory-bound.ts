import { MAX_UNCOUNTED_BYTES } from '../connection/frame-log.ts'
import { MAX_WAITING_CONNECTIONS } from '../options/limits.ts'
import { MAX_NAMES, MAX_NODE_BYTES, MAX_NODES } from '../message/tree.ts'
import type { Limits } from '../options/limits.ts'
import { SHARED_BYTES } from '../protocol/payloads.ts'
import type { RequestLimits } from '../request/limits.ts'
import { MAX_READ_BYTES, MAX_WAITING_BYTES } from '../transport/inlet.ts'

/** One thing that each of many may make a server hold. */
export interface MemoryPart {
  readonly what: string
  /** Of one of them. */
  readonly bytes: number
  /** The limits that it comes from; none: it is what it is. */
  readonly limits: readonly (keyof Limits | keyof RequestLimits)[]
}

/** So many of one kind, and what each may make a server hold. */
export interface MemoryTerm {
  readonly what: string
  readonly count: number
  /** The limit that says how many; none: there is no option for it. */
  readonly limit?: keyof Limits
  readonly parts: readonly MemoryPart[]
  /** Of all of them together. */
  readonly bytes: number
}

export interface MemoryBoundInit {
  limits: Limits & RequestLimits
  /** Whether sessions outlive their connections. */
  resumes: boolean
}

const KiB = 1_024
/** A socket, and what is needed to give it its turn. */
const WAITING_BYTES = 4 * KiB
/** A connection with nothing on it, and what TLS adds to that. */
const CONNECTION_BYTES = 16 * KiB
const TLS_BYTES = 96 * KiB
/** What has come: the most that waits, one read that may overshoot it, and one that is being looked at. */
const UNREAD_BYTES: number = MAX_WAITING_BYTES + 2 * MAX_READ_BYTES
/** A frame or a record grows in memory of twice its length, at most, while the half of that is still there. */
const GROWING = 1.5
const OPEN_RECORDS = 4
/** Whatever is kept of a chunk is at least half of what it came in. */
const PINNED = 2
/** What an item, and a request whose handler is at work, cost beside their bytes. The payload of either, where it is short, may be the last one that keeps what others shared with it. */
const ITEM_BYTES: number = 512 + SHARED_BYTES
const REQUEST_BYTES: number = 4 * KiB + SHARED_BYTES
/** A chunk of a stream, too. */
const CHUNK_BYTES: number = SHARED_BYTES
/** A frame that takes along the buffer in which it was built fills at least seven eighths of that. */
const BUILT = 8 / 7
/** What a relay tells of the nodes below it, and of names: four times its bytes, as texts in lists, and what a node costs beside. */
const TREE_BYTES = 4 * MAX_NODE_BYTES + MAX_NODES * 512 + MAX_NAMES * 512
/** Settles and results that wait for a client to read them. */
const UNSENT_ANSWER_BYTES = 256 * KiB

/**
 * The most memory that a server's clients, and whoever else comes to its port, can make it hold, by its limits. What the server itself puts,
 * sends and asks, and what its handlers keep, is its own and comes on top, and so do loops over messages (`maxUnreadBytes` each, and 8 KiB for each message that
 * waits: a short one may keep the memory that others shared with it). A bound, and no estimate:
 * with default limits it is far more than any machine has, as each of 10,000 clients may do its worst; to hold a server to what there is,
 * lower the limits that stand at the largest terms.
 */
export class MemoryBound {
  readonly terms: readonly MemoryTerm[]

  /** @internal */
  constructor({ limits, resumes }: MemoryBoundInit) {
    this.terms = [
      term('connections that wait', { count: MAX_WAITING_CONNECTIONS }, [part('a socket', WAITING_BYTES)]),
      term('introductions', { count: limits.maxHandshakes, limit: 'maxHandshakes' }, introduction(limits)),
      term('clients', { count: limits.maxConnections, limit: 'maxConnections' }, client(limits, resumes)),
    ]
  }

  /** Of all terms together. */
  get bytes(): number {
    return sum(this.terms)
  }

  /** The sum, with all its terms, for people. */
  toString(): string {
    return [`at most ${show(this.bytes)}`, ...this.terms.flatMap(lines)].join('\n')
  }
}

function introduction({ maxHelloBytes }: Limits): MemoryPart[] {
  return [
    part('the connection', CONNECTION_BYTES),
    part('its TLS', TLS_BYTES),
    part('what was not looked at', UNREAD_BYTES),
    part('an unfinished frame', GROWING * maxHelloBytes, 'maxHelloBytes'),
  ]
}

function client(limits: Limits & RequestLimits, resumes: boolean): MemoryPart[] {
  const { maxFrameBytes, maxItemBytes, maxUnsettled, maxUnsettledBytes } = limits
  const { maxRequests, maxRequestBytes, maxStreamBytes, maxStreamChunks, maxUnsentBytes } = limits
  return [
    part('the connection', CONNECTION_BYTES),
    part('its TLS', TLS_BYTES),
    part('what was not looked at', UNREAD_BYTES),
    part('an unfinished frame', GROWING * maxFrameBytes, 'maxFrameBytes'),
    part('records in pieces', GROWING * OPEN_RECORDS * (maxItemBytes + 64), 'maxItemBytes'),
    part('items', PINNED * (maxUnsettledBytes + maxItemBytes), 'maxUnsettledBytes', 'maxItemBytes'),
    part('what items cost beside', ITEM_BYTES * maxUnsettled, 'maxUnsettled'),
    part('answers to them, unsent', UNSENT_ANSWER_BYTES + maxItemBytes, 'maxItemBytes'),
    part('requests', PINNED * (maxRequestBytes + maxItemBytes), 'maxRequestBytes', 'maxItemBytes'),
    part('what requests cost beside', REQUEST_BYTES * maxRequests, 'maxRequests'),
    part('answers to them, unsent', maxRequests * maxItemBytes, 'maxRequests', 'maxItemBytes'),
    part(
      'streams that somebody reads, both ways',
      2 * maxRequests * (PINNED * (maxStreamBytes + maxItemBytes) + maxStreamChunks * CHUNK_BYTES),
      'maxRequests',
      'maxStreamBytes',
      'maxStreamChunks',
      'maxItemBytes',
    ),
    part('what is below it', TREE_BYTES),
    part('messages to it, unsent', maxUnsentBytes + maxItemBytes, 'maxUnsentBytes', 'maxItemBytes'),
    ...(resumes ? [part('what it may need again', neededAgain(limits), 'maxReplayBytes', 'maxFrameBytes')] : []),
  ]
}

function neededAgain({ maxReplayBytes, maxFrameBytes }: Limits): number {
  return BUILT * maxReplayBytes + maxFrameBytes + MAX_UNCOUNTED_BYTES
}

function part(what: string, bytes: number, ...limits: MemoryPart['limits']): MemoryPart {
  return { what, bytes: Math.ceil(bytes), limits }
}

function term(what: string, { count, limit }: Pick<MemoryTerm, 'count' | 'limit'>, parts: MemoryPart[]): MemoryTerm {
  return { what, count, ...(limit !== undefined && { limit }), parts, bytes: count * sum(parts) }
}

function sum(parts: readonly { bytes: number }[]): number {
  return parts.reduce((bytes, each) => bytes + each.bytes, 0)
}

function lines({ what, count, limit, parts, bytes }: MemoryTerm): string[] {
  const head = `  ${show(bytes)}: ${count.toLocaleString('en')} ${what}${named(limit === undefined ? [] : [limit])}, each ${show(sum(parts))}`
  return [head, ...parts.map((each) => `    ${show(each.bytes)}: ${each.what}${named(each.limits)}`)]
}

const named = (limits: readonly string[]): string => (limits.length === 0 ? '' : ` (${limits.join(', ')})`)

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

function show(bytes: number): string {
  const power = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  const value = bytes / 1_024 ** power
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`
}
