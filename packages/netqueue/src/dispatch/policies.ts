import type { Candidate, FreeClients } from './free-clients.ts'

export interface DispatchContext<T, C> {
  /** The item that waits. */
  item: T
  /** All connected clients, free or not. */
  clients: readonly C[]
}

/**
 * Chooses who gets an item. `free` are the clients with credit that can be given this one; the answer is one of them, or a connected one that is not
 * free, for which the item then waits, or `undefined`: the item is parked, later ones are offered, and it is asked about again when credit,
 * status or membership changes, or has changed before the answer: at once for the first change in a turn of the event loop, and once behind it for
 * all others. Calls never overlap. A chosen client that vanished meanwhile means that the
 * question is asked again; one that throws, or chooses what is no client of the server, parks the item (warning `DISPATCH_FAILED`).
 */
export type ChooseDispatch<T, C> = (
  free: readonly C[],
  context: DispatchContext<T, C>,
) => C | undefined | Promise<C | undefined>

export interface PolicyContext<T, C> extends DispatchContext<T, C> {
  /** The same clients, in the same order, as the dispatcher sees them; another array whenever one has come or gone. */
  candidates: readonly Candidate<C>[]
}

/** A policy of ours, which sees more than a list. */
export interface DispatchPolicy<T, C> {
  readonly name: string
  /** Whether it chooses the same one again until that has another level of load, or somebody else changes. @default it may choose another */
  readonly inRows?: boolean
  /** Whether it chooses one that is free, or nobody: an item that none of these can be given is not asked about before one can. @default it may choose anybody */
  readonly amongFree?: boolean
  choose(
    free: FreeClients<C>,
    context: PolicyContext<T, C>,
    accepts: (candidate: Candidate<C>) => boolean,
  ): C | undefined
}

/**
 * The client with the fewest items in flight; among equals, the one that waits longest. Where windows are deep, items in flight are rounded: to 1/64 of the
 * window, to 1/8 of one that the client chooses itself (`prefetch: 'auto'`), and where items come without a pause to half of that, at most 256. Costs the same
 * for two clients and for ten thousand. The default.
 */
export function leastBusy<T, C>(): DispatchPolicy<T, C> {
  return {
    name: 'leastBusy',
    inRows: true,
    amongFree: true,
    choose: (free, _context, accepts) => free.leastBusy(accepts)?.client,
  }
}

/** One client after the other, in the order in which they connected; those without credit are passed over. */
export function roundRobin<T, C>(): DispatchPolicy<T, C> {
  let last: C | undefined
  let place = 0
  return {
    name: 'roundRobin',
    amongFree: true,
    choose(free, { clients, candidates }, accepts) {
      const from = clients[place] === last ? place + 1 : placeBehind(last, clients, place)
      for (let step = 0; step < candidates.length; step += 1) {
        place = (from + step) % candidates.length
        const candidate = candidates[place] as Candidate<C>
        last = candidate.client
        if (free.has(candidate) && accepts(candidate)) return last
      }
      return undefined
    },
  }
}

/** Where to go on after somebody has come or gone; where the last one was, when it is the one who is gone. */
function placeBehind<C>(last: C | undefined, clients: readonly C[], place: number): number {
  const found = last === undefined ? -1 : clients.indexOf(last)
  return found < 0 ? place : found + 1
}

/** The least busy client that has one of the tags; where none is free, the least busy of all. */
export function prefer<T, C extends { readonly tags: readonly string[] }>(...tags: string[]): DispatchPolicy<T, C> {
  const isPreferred = ({ client }: Candidate<C>): boolean => client.tags.some((tag) => tags.includes(tag))
  return {
    name: 'prefer',
    amongFree: true,
    choose: (free, _context, accepts) =>
      (free.leastBusy((candidate) => isPreferred(candidate) && accepts(candidate)) ?? free.leastBusy(accepts))?.client,
  }
}

/**
 * All items with the same key go to the same client, in order, until membership changes or an item is delivered again; an item
 * whose client has no credit waits for it. A client that comes or goes moves only the keys that it gets or had.
 */
export function hashBy<T, C extends { readonly id: string }>(key: (item: T) => string): DispatchPolicy<T, C> {
  let known: readonly Candidate<C>[] = []
  let seeds: number[] = []
  return {
    name: 'hashBy',
    choose(_free, { item, candidates }, accepts) {
      if (candidates !== known) seeds = candidates.map(({ client }) => hash(client.id))
      known = candidates
      const seed = hash(key(item))
      let best: Candidate<C> | undefined
      let bestScore = -1
      for (const [index, candidate] of candidates.entries()) {
        const score = mix((seeds[index] as number) ^ Math.imul(seed, 0x9e3779b1))
        if (score > bestScore && accepts(candidate)) [best, bestScore] = [candidate, score]
      }
      return best?.client
    },
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value
}

/** Spreads what differs in a few bits over all 32. Source: murmur3's finalizer. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
