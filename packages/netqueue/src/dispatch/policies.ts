import type { Candidate, FreeClients } from './free-clients.ts'

export interface DispatchContext<T, C> {
  /** The item that waits. */
  item: T
  /** All connected clients, free or not. */
  clients: readonly C[]
}

/**
 * Chooses who gets an item. `free` are the clients with credit; the answer is one of them, or a connected one that is not free, for
 * which the item then waits, or `undefined`: the item is parked, later ones are offered, and it is asked about again when credit,
 * status or membership changes. Calls never overlap. A chosen client that vanished meanwhile means that the question is asked again.
 */
export type ChooseDispatch<T, C> = (
  free: readonly C[],
  context: DispatchContext<T, C>,
) => C | undefined | Promise<C | undefined>

/** A policy of ours, which sees more than a list. */
export interface DispatchPolicy<T, C> {
  readonly name: string
  choose(
    free: FreeClients<C>,
    context: DispatchContext<T, C>,
    accepts: (candidate: Candidate<C>) => boolean,
  ): C | undefined
}

/** The client with the fewest items in flight; among equals, the one that waits longest. Costs the same for two clients and for ten thousand. The default. */
export function leastBusy<T, C>(): DispatchPolicy<T, C> {
  return { name: 'leastBusy', choose: (free, _context, accepts) => free.leastBusy(accepts)?.client }
}

/** One client after the other, in the order in which they connected; those without credit are passed over. */
export function roundRobin<T, C>(): DispatchPolicy<T, C> {
  let last: C | undefined
  return {
    name: 'roundRobin',
    choose(free, { clients }, accepts) {
      const able = new Map<C, Candidate<C>>()
      for (const candidate of free) if (accepts(candidate)) able.set(candidate.client, candidate)
      const from = last === undefined ? 0 : clients.indexOf(last) + 1
      for (let step = 0; step < clients.length; step += 1) {
        const client = clients[(from + step) % clients.length] as C
        if (able.has(client)) return (last = client)
      }
      return undefined
    },
  }
}

/** The least busy client that has one of the tags; where none is free, the least busy of all. */
export function prefer<T, C extends { readonly tags: readonly string[] }>(...tags: string[]): DispatchPolicy<T, C> {
  const isPreferred = ({ client }: Candidate<C>): boolean => client.tags.some((tag) => tags.includes(tag))
  return {
    name: 'prefer',
    choose: (free, _context, accepts) =>
      (free.leastBusy((candidate) => isPreferred(candidate) && accepts(candidate)) ?? free.leastBusy(accepts))?.client,
  }
}

/**
 * All items with the same key go to the same client, in order, until membership changes or an item is delivered again; an item
 * whose client has no credit waits for it. A client that comes or goes moves only the keys that it gets or had.
 */
export function hashBy<T, C extends { readonly id: string }>(key: (item: T) => string): DispatchPolicy<T, C> {
  return {
    name: 'hashBy',
    choose(_free, { item, clients }) {
      const name = key(item)
      let best: C | undefined
      let bestScore = -1
      for (const client of clients) {
        const score = hash(`${client.id}\0${name}`)
        if (score > bestScore) [best, bestScore] = [client, score]
      }
      return best
    },
  }
}

/** FNV-1a with a final mix, 32 bits: cheap, and even enough to spread keys. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  return (value ^ (value >>> 16)) >>> 0
}
