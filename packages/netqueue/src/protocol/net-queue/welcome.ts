import { NetQueueError } from '../../errors/errors.ts'
import { USUAL_REQUESTS } from '../../message/registry.ts'
import type { Announcement, Bans, OpenRequests, OwnMessages, Registry } from '../../message/registry.ts'
import type { Denials } from '../../message/denials.ts'
import { hexOf, isPlain } from '../../message/names.ts'
import { MIN_FRAME_BYTES } from '../../options/limits.ts'
import type { Limits } from '../../options/limits.ts'
import { SECRET_BYTES } from '../handshake.ts'
import type { Admission, Introduction, Role, Ticket } from '../handshake.ts'
import { decodeJson, encodeText } from './bytes.ts'
import { badMessage } from '../failures.ts'
import { TYPE_BYTES } from './frame-types.ts'
import { MAX_ID_BYTES, VERSION } from './hello.ts'
import { base64Of, isBase64 } from './proof.ts'
import { checkedStatus } from './record-fields.ts'
import { decodeDenials, encodeDenials } from './welcome-denials.ts'
import { decodeMessages, encodeMessages } from './welcome-messages.ts'

/** The terms that each side announces when both have said hello. */
export interface Welcome {
  item: string
  result: string
  tags: string[]
  status: unknown
  /** Client: it holds no more items than it works on in moments, however many it takes. */
  isPaced: boolean
  isRelay: boolean
  maxFrameBytes: number
  maxItemBytes: number
  maxUnsettled: number
  /** What it takes of the receiver's requests at a time. */
  requests: OpenRequests
  /** What the sender calls its messages. */
  announcement: Announcement
  /** Server: what the client has from now on. */
  grant: Grant | undefined
  /** Client: the session that it had. */
  resume: Resume | undefined
}

/** What a server says to its client alone. */
export interface Grant {
  /** The client's id. */
  id: string
  /** Name of the session. */
  session: string
  /** Base64 of 32 bytes, by which the client proves that the session is its own; none: it cannot. */
  secret: string | undefined
  /** Milliseconds for which the session outlives its connection. */
  resumeMs: number
  /** Whether the client's session goes on; `undefined` for a client that had none. */
  resumed: boolean | undefined
  /** Where it does, the batches that the server has taken of it. */
  batches: number | undefined
  /** What the client may not do; none: it may do everything. */
  denials?: Denials | undefined
}

/** What a client says of the session that it had. */
export interface Resume {
  session: string
  /** Base64 of 32 bytes. */
  proof: string
  /** Batches that it has taken of the session; none: it is over for the client. */
  batches: number | undefined
}

/** The other side's terms, and what both made of their messages. */
export interface Agreement extends Welcome {
  registry: Registry
  /** What a client may not do; none: it may do everything. */
  bans: Bans | undefined
}

/**
 * Throws `ENCODE_FAILED` for an introduction longer than what this side takes itself: it cannot know what the other one does.
 */
export function encodeWelcome(
  introduction: Introduction,
  limits: Limits,
  { grant, resume }: { grant?: Grant | undefined; resume?: Resume | undefined } = {},
): Uint8Array {
  const { id, item, result, tags, status, isPaced, isRelay, messages } = introduction
  // Of a relay others ask what it has not defined.
  const open = isRelay === true || (messages?.table.size ?? 0) > 0 ? messages?.open : undefined
  const { maxFrameBytes: frameBytes, maxItemBytes: itemBytes, maxUnsettled: unsettled } = limits
  const data = encodeText(
    JSON.stringify({
      version: VERSION,
      id,
      item,
      result,
      limits: { frameBytes, itemBytes, unsettled, requests: open?.count, requestBytes: open?.bytes },
      tags: grant === undefined ? tags : undefined,
      paced: isPaced || undefined,
      relay: isRelay || undefined,
      status,
      ...announced(messages),
      ...(grant === undefined ? { resume } : granted(grant, messages)),
    }),
  )
  const value = data.length + TYPE_BYTES
  if (value <= limits.maxHelloBytes) return data
  const rule = `Expected messages, tags, status and codec names to make an introduction of at most ${limits.maxHelloBytes} bytes`
  throw new NetQueueError('ENCODE_FAILED', `${rule} (maxHelloBytes, of both sides), got ${value}`, {
    limit: 'maxHelloBytes',
    value,
  })
}

const LONGEST_NAME = 'x'.repeat(MAX_ID_BYTES)
const LONGEST_RESUME: Resume = {
  session: LONGEST_NAME,
  proof: base64Of(new Uint8Array(SECRET_BYTES)),
  batches: Number.MAX_SAFE_INTEGER,
}

/** Throws {@link encodeWelcome}'s error for what a side could not say to every peer, first or again, before it says a word. */
export function checkWelcome(introduction: Introduction, limits: Limits, role: Role, denials?: Denials): void {
  const resumed = { session: nameOf(introduction), batches: Number.MAX_SAFE_INTEGER }
  const grant = grantOf(introduction, { id: LONGEST_NAME, resumed, denials }, true)
  encodeWelcome(introduction, limits, role === 'server' ? { grant } : { resume: LONGEST_RESUME })
}

/** What a server gives to whom it has admitted. */
export function grantOf(introduction: Introduction, { id, resumed, denials }: Admission, isReturning: boolean): Grant {
  const { secret, resumeMs = 0 } = introduction
  return {
    id,
    session: resumed?.session ?? nameOf(introduction),
    secret: secret && base64Of(secret),
    resumeMs,
    resumed: isReturning ? resumed !== undefined : undefined,
    batches: resumed?.batches,
    denials,
  }
}

/** By which a session can be gone on with; none where the server says no secret. */
export function ticketOf({ session, secret, resumeMs }: Grant): Ticket | undefined {
  return secret === undefined ? undefined : { session, secret, resumeMs }
}

const nameOf = ({ nonce }: Introduction): string => hexOf(nonce)

function granted(grant: Grant, own: OwnMessages | undefined): object {
  const { id, session, secret, resumeMs, resumed, batches, denials } = grant
  const denied = denials && encodeDenials(denials, (name) => own?.table.byName.get(name)?.id)
  return { session, you: { id, denied }, secret, resumeMs: resumeMs || undefined, resumed, batches }
}

function announced(own: OwnMessages | undefined): object {
  if (own === undefined || own.table.size === 0) return {}
  return { messages: encodeMessages(own.table), ...(own.ids === 'adapt' && { adapt: true }) }
}

/** Throws `BAD_MESSAGE`; keys that we do not know are left alone. */
export function decodeWelcome(data: Uint8Array, from: 'client' | 'server'): Welcome {
  const fields = record(decodeJson(data, 'a WELCOME'), 'a WELCOME')
  if (fields['version'] !== VERSION) throw badMessage('a WELCOME of another version than agreed')
  const limits = record(fields['limits'], 'the limits of a WELCOME')
  name(fields['id'], 'id')
  const messages = decodeMessages(fields['messages'])
  return {
    item: name(fields['item'], 'item'),
    result: name(fields['result'], 'result'),
    tags: list(fields['tags']),
    status: checkedStatus(fields['status']),
    isPaced: flag(fields['paced'], 'paced'),
    isRelay: flag(fields['relay'], 'relay'),
    maxFrameBytes: count(limits['frameBytes'], 'frameBytes', MIN_FRAME_BYTES),
    maxItemBytes: count(limits['itemBytes'], 'itemBytes', 1),
    maxUnsettled: count(limits['unsettled'], 'unsettled', 1),
    requests: {
      count: limits['requests'] === undefined ? USUAL_REQUESTS.count : count(limits['requests'], 'requests', 1),
      bytes:
        limits['requestBytes'] === undefined ? USUAL_REQUESTS.bytes : count(limits['requestBytes'], 'requestBytes', 1),
    },
    announcement: { messages, adapts: flag(fields['adapt'], 'adapt') },
    grant: from === 'server' ? decodeGrant(fields, messages) : undefined,
    resume: from === 'client' ? decodeResume(fields['resume']) : undefined,
  }
}

function decodeGrant(fields: Record<string, unknown>, messages: Announcement['messages']): Grant {
  const you = record(fields['you'], 'you in a WELCOME')
  const { secret, resumeMs, resumed, batches } = fields
  const isResumed = flag(resumed, 'resumed')
  return {
    id: name(you['id'], 'you.id'),
    session: name(fields['session'], 'session'),
    secret: secret === undefined ? undefined : base64(secret, 'secret'),
    resumeMs: resumeMs === undefined ? 0 : count(resumeMs, 'resumeMs', 1),
    resumed: resumed === undefined ? undefined : isResumed,
    batches: isResumed ? count(batches, 'batches', 0) : undefined,
    denials: decodeDenials(you['denied'], messages),
  }
}

function decodeResume(value: unknown): Resume | undefined {
  if (value === undefined) return undefined
  const resume = record(value, 'resume in a WELCOME')
  return {
    session: name(resume['session'], 'resume.session'),
    proof: base64(resume['proof'], 'resume.proof'),
    batches: resume['batches'] === undefined ? undefined : count(resume['batches'], 'resume.batches', 0),
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw badMessage(`${what} that is no object`)
}

function name(value: unknown, field: string): string {
  if (typeof value === 'string' && encodeText(value).length <= MAX_ID_BYTES && isPlain(value)) return value
  throw badMessage(`a WELCOME whose ${field} is no name of at most ${MAX_ID_BYTES} bytes without control characters`)
}

function count(value: unknown, field: string, min: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min) return value as number
  throw badMessage(`a WELCOME whose ${field} is no integer from ${min}`, value)
}

function base64(value: unknown, field: string): string {
  if (isBase64(value)) return value
  throw badMessage(`a WELCOME whose ${field} is no base64 of ${SECRET_BYTES} bytes`)
}

function flag(value: unknown, field: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true
  throw badMessage(`a WELCOME whose ${field} is neither true nor false`)
}

function list(value: unknown): string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((tag) => typeof tag === 'string')) return value
  throw badMessage('a WELCOME whose tags are no list of names')
}
