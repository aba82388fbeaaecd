import { NetQueueError } from '../errors/errors.ts'
import { clientGone } from '../dispatch/backlog.ts'
import { exceptionBytes, MAX_EXCEPTION_BYTES, MAX_EXCEPTIONS } from '../message/route.ts'
import type { Path } from '../message/route.ts'
import { ConnectedClient } from './server-client.ts'
import type { ServerClient } from './server-client.ts'
import type { PutOptions, Recipient } from './server-options.ts'
import { KnownNode } from './tree-node.ts'

/** Whether an item is for each of several clients. */
export const isSeveral = (to: PutOptions['to']): to is 'all' | readonly Recipient[] => to === 'all' || Array.isArray(to)

/**
 * Those of several who are not left out. Throws a `TypeError` for a node that is left out below one that gets the item: a relay gives it to whomever it
 * finds, and knows of no exceptions.
 */
export function allBut<R extends Recipient>(several: readonly R[], except: readonly Recipient[]): R[] {
  const left = several.filter((one) => !except.includes(one))
  const relay = left.find((one) => except.some((node) => isBelow(node, one)))
  if (relay === undefined) return left
  throw new TypeError(
    `Expected \`except\` to leave out nobody below ${relay.id}, which gets the item for whomever it finds: name those who are to have it`,
  )
}

function isBelow(node: Recipient, other: Recipient): boolean {
  if (!(node instanceof KnownNode) || node === other) return false
  if (!(other instanceof KnownNode)) return node.client === other
  return node.client === other.client && other.way.every((id, index) => node.way[index] === id)
}

/** Where something goes: a client, and from there on its way down. */
export interface Destination {
  client: ServerClient
  /** The node that it is for. @default the client itself */
  below: KnownNode | undefined
}

/** Throws `CLIENT_GONE` for a node that is not there any more, and a `TypeError` for what is neither a client nor a node. */
export function destinationOf(to: Recipient): Destination {
  if (to instanceof ConnectedClient) return { client: to, below: undefined }
  if (!(to instanceof KnownNode))
    throw new TypeError(
      'Expected `to` to be a client of this server, or a node below one, as `server.clients` and `server.node()` give them',
    )
  if (!to.isConnected) throw clientGone(to.path.join('/'), 'no')
  return { client: to.client, below: to }
}

/** The nodes below a client among those that are left out. Throws a `RangeError` for more than one message can say. */
export function exceptBelow(client: ServerClient, except: readonly Recipient[]): Path[] | undefined {
  const paths = except.flatMap((one) => (one instanceof KnownNode && one.client === client ? [one.way] : []))
  if (paths.length === 0) return undefined
  if (paths.length <= MAX_EXCEPTIONS && exceptionBytes(paths) <= MAX_EXCEPTION_BYTES) return paths
  throw new RangeError(
    `Expected \`except\` to name at most ${MAX_EXCEPTIONS} nodes below one client, with paths of ${MAX_EXCEPTION_BYTES} bytes, got ${paths.length}`,
  )
}

/** Gives something to each client and waits for all of them; throws for those who did not get it. */
export async function giveToEach<R extends { readonly id: string }>(
  clients: readonly R[],
  give: (client: R) => Promise<void>,
): Promise<void> {
  const outcomes = await Promise.allSettled(clients.map(give))
  const refused = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ id: clients[index]?.id, reason: outcome.reason as unknown }] : [],
  )
  const [first] = refused
  if (first === undefined) return
  const { reason } = first
  if (!(reason instanceof NetQueueError)) throw reason
  const { code, limit, value, delivered } = reason
  const message = `${refused.length} of ${clients.length} clients did not get it: ${reason.message}`
  throw new NetQueueError(code, message, {
    ...(limit !== undefined && { limit }),
    ...(value !== undefined && { value }),
    ...(delivered !== undefined && { delivered }),
    undone: refused.map(({ id }) => id),
    cause: reason,
  })
}
