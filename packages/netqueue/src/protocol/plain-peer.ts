import { NetQueueError } from '../errors/errors.ts'
import type { Denials } from '../message/denials.ts'
import { Registry, USUAL_REQUESTS } from '../message/registry.ts'
import type { OwnMessages } from '../message/registry.ts'
import type { Limits } from '../options/limits.ts'
import type { Admission, Guard, HandshakeInit } from './handshake.ts'
import type { Protocol } from './protocol.ts'
import type { Peer } from './wire.ts'

export interface PlainPeerInit {
  /** What this side calls it. */
  id: string
  protocol: Pick<Protocol, 'name' | 'supports'>
  limits: Limits
  /** What this side has defined, where the protocol has messages or requests. */
  messages?: OwnMessages | undefined
  /** A server: what the client may not do. @default nothing */
  denied?: Denials | undefined
}

/** A peer that says nothing of itself: it is taken to have what this side has defined, and to take what this side does. */
export function plainPeer({ id, protocol, limits, messages, denied }: PlainPeerInit): Peer {
  const { supports } = protocol
  return {
    id,
    tags: [],
    status: undefined,
    isPaced: false,
    protocol: protocol.name,
    supports,
    maxItemBytes: limits.maxItemBytes,
    maxUnsettled: limits.maxUnsettled,
    denied,
    ...(supports.request && { requests: USUAL_REQUESTS }),
    ...(messages !== undefined && { registry: sharedBy(messages, denied) }),
  }
}

/** The messages of a connection both sides of which have the same, by the same ids. */
function sharedBy(messages: OwnMessages, denied?: Denials): Registry {
  const bans = denied && ({ side: 'server', denials: denied } as const)
  return new Registry(messages, { messages: messages.table.byName, adapts: true }, bans)
}

/** Throws `AUTH_REQUIRED` where a server lets in only those who show who they are, which this protocol's clients cannot. */
export function refuseStrangers(protocol: string, guard: Guard | undefined): void {
  if (guard?.isOptional !== false) return
  throw new NetQueueError('AUTH_REQUIRED', `Nobody can show who it is by the protocol ${protocol}`)
}

/** Server: takes a client that says no more of itself than an id, if that; it is taken to have the same messages. Throws as {@link refuseStrangers} does. */
export function admitPlain(
  { guard, admit }: Pick<HandshakeInit, 'guard' | 'admit'>,
  { protocol, id, messages }: { protocol: string; id: string; messages: OwnMessages },
): Admission {
  refuseStrangers(protocol, guard)
  return admit?.({ id, messages: messages.table.byName }) ?? { id }
}
