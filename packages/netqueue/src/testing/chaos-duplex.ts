import type { Env } from '../env/env.ts'
import { host } from '../env/host.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { ByteDuplex } from '../transport/transport.ts'
import { Direction } from './direction.ts'
import type { ChaosCounts } from './direction.ts'
import { Lane } from './lane.ts'
import type { ChaosToxics, Way } from './toxics.ts'

export interface ChaosOptions extends ChaosToxics {
  /** Time and chance: a `virtualEnv()` makes latency cost nothing, and the same seed cut the same slices. @default the host's */
  env?: Env
}

/** What can happen to connections, at any time. */
export interface Chaos {
  /** What passed upwards: from whoever holds the duplex, or connects. */
  readonly up: ChaosCounts
  readonly down: ChaosCounts
  /** Replaces all toxics, from the next piece on: `set({})` takes them away. */
  set(toxics: ChaosToxics): void
  /** Breaks every connection, for both sides, at once. */
  reset(): void
  /** From now on nothing arrives that goes this way, neither bytes nor ends, and nobody is told. What goes the other way does. */
  halfOpen(way: Way): void
  /** The same both ways: a network that is split. */
  blackhole(): void
}

/** A duplex with a bad network in it. */
export interface ChaosDuplex extends ByteDuplex, Chaos {
  /** The end of `halfOpen` and `blackhole`: what waited arrives, as TCP would send it again. Toxics stay. */
  heal(): void
}

/**
 * Puts a bad network in front of a duplex: what its holder sends goes up, what it gets comes down. With `memoryPair()` no socket is needed:
 * give one end to `server.accept`, and the other one, in chaos, to `connect`.
 */
export function chaosDuplex(duplex: ByteDuplex, options: ChaosOptions = {}): ChaosDuplex {
  return new Chaotic(duplex, options)
}

/** Both ways of everything that shares a fate. */
export class Ways {
  readonly up: Direction
  readonly down: Direction

  constructor({ env = host, ...toxics }: ChaosOptions) {
    this.up = new Direction(env, 'up', toxics)
    this.down = new Direction(env, 'down', toxics)
  }

  set(toxics: ChaosToxics): void {
    this.up.set(toxics)
    this.down.set(toxics)
  }

  hold(...ways: Way[]): void {
    for (const way of ways) this[way].hold()
  }

  release(): void {
    this.up.release()
    this.down.release()
  }
}

class Chaotic implements ChaosDuplex {
  readonly source: Lane
  readonly sink: ByteDuplex['sink']
  declare readonly remoteAddress?: string
  declare readonly closed?: Promise<void>
  readonly #inner: ByteDuplex
  readonly #ways: Ways
  #sending: Lane | undefined

  constructor(inner: ByteDuplex, options: ChaosOptions) {
    const { remoteAddress, closed } = inner
    this.#inner = inner
    this.#ways = new Ways(options)
    Object.assign(this, remoteAddress !== undefined && { remoteAddress }, closed !== undefined && { closed })
    this.source = new Lane(this.#ways.down, inner.source, () => this.reset())
    this.sink = (source) => {
      const lane = new Lane(this.#ways.up, source, () => this.reset())
      this.#sending ??= lane
      return inner.sink(lane)
    }
  }

  get up(): ChaosCounts {
    return this.#ways.up
  }

  get down(): ChaosCounts {
    return this.#ways.down
  }

  set(toxics: ChaosToxics): void {
    this.#ways.set(toxics)
  }

  reset(): void {
    this.abort(new NetQueueError('CONNECTION_LOST', 'The connection was reset by chaos'))
  }

  halfOpen(way: Way): void {
    this.#ways.hold(way)
  }

  blackhole(): void {
    this.#ways.hold('up', 'down')
  }

  heal(): void {
    this.#ways.release()
  }

  abort(reason: Error): void {
    this.source.fail(reason)
    this.#sending?.fail(reason)
    this.#inner.abort?.(reason)
  }
}
