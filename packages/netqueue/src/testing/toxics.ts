import { checkInteger, checkMs } from '../errors/check.ts'

/**
 * What is wrong with one direction of a connection: all that is not set is well. In brackets what Toxiproxy calls it; its `timeout`
 * is `halfOpen` and `blackhole` here, its `down` is `cut`.
 */
export interface Toxics {
  /** How long each byte is under way; bytes stay in order. (`latency`) @default 0 */
  latencyMs?: number
  /** How much longer or shorter that is, at random for each piece. (`jitter` of `latency`) @default 0 */
  jitterMs?: number
  /** How much passes in a second. (`bandwidth`) @default no limit */
  bytesPerSecond?: number
  /** Cuts what passes into pieces of 1 to so many bytes, at random, which arrive one by one. (`slicer`) @default not at all */
  sliceBytes?: number
  /** The time between two of these pieces. (`delay` of `slicer`) @default 0 */
  sliceDelayMs?: number
  /** How much later than the last byte the end of the stream arrives. (`slow_close`) @default 0 */
  slowCloseMs?: number
  /** The direction ends behind so many bytes of a connection; what follows is dropped. (`limit_data`) @default no limit */
  limitBytes?: number
  /** The connection is reset behind so many bytes of it. (`reset_peer`) @default never */
  resetAfterBytes?: number
}

/** What is wrong with a connection: in both directions, or only upwards (what a client sends) or downwards (what it gets). */
export interface ChaosToxics extends Toxics {
  up?: Toxics
  down?: Toxics
}

export type Way = 'up' | 'down'

const NO_LIMIT = Number.POSITIVE_INFINITY

const toxicDefaults: Required<Toxics> = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: NO_LIMIT,
  sliceBytes: NO_LIMIT,
  sliceDelayMs: 0,
  slowCloseMs: 0,
  limitBytes: NO_LIMIT,
  resetAfterBytes: NO_LIMIT,
}

const LEAST: Partial<Required<Toxics>> = { bytesPerSecond: 1, sliceBytes: 1, limitBytes: 0, resetAfterBytes: 0 }

/** What holds in one direction; throws for what is no toxic. */
export function toxicsOf({ up, down, ...both }: ChaosToxics, way: Way): Required<Toxics> {
  const given = { ...both, ...(way === 'up' ? up : down) }
  const toxics = { ...toxicDefaults }
  for (const [name, value] of Object.entries(given) as [keyof Toxics, number | undefined][]) {
    if (!Object.hasOwn(toxicDefaults, name))
      throw new TypeError(`Expected the name of a toxic, got ${JSON.stringify(name)}`)
    if (value === undefined) continue
    check(name, value)
    toxics[name] = value
  }
  return toxics
}

function check(name: keyof Toxics, value: unknown): void {
  const least = LEAST[name]
  if (least === undefined) checkMs(name, value)
  else if (value !== NO_LIMIT) checkInteger(name, value, least)
}
