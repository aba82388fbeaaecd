import { NetQueueError } from '../errors/errors.ts'
import type { ServerClient } from './server-client.ts'
import type { PutOptions } from './server-options.ts'

/** Whether an item is for each of several clients. */
export const isSeveral = (to: PutOptions['to']): to is 'all' | readonly ServerClient[] =>
  to === 'all' || Array.isArray(to)

/** Gives something to each client and waits for all of them; throws for those who did not get it. */
export async function giveToEach(
  clients: readonly ServerClient[],
  give: (client: ServerClient) => Promise<void>,
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
