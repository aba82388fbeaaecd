import { NetQueueError } from '../../errors/errors.ts'
import type { Announced, MessageIds, OwnMessages } from '../../message/registry.ts'
import { DEFAULT_PACKETS } from './frame.ts'
import type { PublicIds } from './packets.ts'

/** The only codec there is. */
export const CODEC = 'msgpack'

/** What one side says of its packets. Requests are none: the wire has no answers. */
export function publicIds({ table }: OwnMessages, ids: MessageIds): PublicIds {
  const named = [...table].filter(({ isRequest }) => !isRequest).map(({ name, id }) => [name, id] as const)
  return { adapt: ids === 'adapt', ids: new Map([...DEFAULT_PACKETS, ...named]) }
}

/**
 * `MESSAGES_MISMATCH` where two sides cannot talk: both take over the other's numbers, or neither does, or one has a packet that the other has
 * not, whatever their order. Which numbers a side has does not matter, for one of them takes over those of the other.
 */
export function disagreement(ours: PublicIds, theirs: PublicIds): NetQueueError | undefined {
  if (ours.adapt === theirs.adapt) return samePolicy(ours.adapt)
  const missing = [...ours.ids.keys()].filter((name) => !theirs.ids.has(name))
  const unknown = [...theirs.ids.keys()].filter((name) => !ours.ids.has(name))
  const moved = [...DEFAULT_PACKETS].filter(([name, id]) => theirs.ids.get(name) !== id).map(([name]) => name)
  if (missing.length + unknown.length + moved.length === 0) return undefined
  return otherPackets(missing, unknown, moved)
}

/** What the peer announced, as a registry knows it. */
export function announced({ ids }: PublicIds): ReadonlyMap<string, Announced> {
  const named = [...ids].filter(([name]) => !DEFAULT_PACKETS.has(name))
  return new Map(named.map(([name, id]) => [name, { id, isRequest: false, codec: CODEC }]))
}

function samePolicy(adapt: boolean): NetQueueError {
  const both = adapt ? 'Both sides take over the ids of the other' : 'Both sides insist on their own ids'
  const message = `${both} (messageIds): of two that speak packetmq one has to adapt, and one to enforce`
  return new NetQueueError('MESSAGES_MISMATCH', message, {
    limit: 'messageIds',
    value: adapt ? 'adapt' : 'enforce',
  })
}

/** Names that only the peer has are in `value` alone: they are its words. */
function otherPackets(missing: readonly string[], unknown: readonly string[], moved: readonly string[]): NetQueueError {
  const list = missing.map((name) => JSON.stringify(name)).join(', ')
  const found = [
    ...(missing.length > 0 ? [`the other side does not have ${list}`] : []),
    ...(unknown.length > 0 ? [`it has ${unknown.length} that this side does not`] : []),
    ...(moved.length > 0 ? ['its handshake has other ids'] : []),
  ]
  const message = `The two sides define packets differently: ${found.join('; ')}`
  return new NetQueueError('MESSAGES_MISMATCH', message, { limit: 'messages', value: { missing, unknown, moved } })
}
