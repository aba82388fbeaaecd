import type { Peer } from '../peers/peer.d.ts'
import type { Stage } from '../stage.mjs'

/**
 * What is measured. Every file in this folder that ends in `.mjs` exports one as `workload`, under its own name, beside its roles:
 * functions `(peer: string, setting: Setting) => Promise<methods>` that run in processes of their own.
 */
export interface Workload<Sample = unknown, Result extends object = object> {
  readonly title: string
  /** The part of a peer that it runs. */
  readonly needs:
    | 'stream'
    | 'objects'
    | 'work'
    | 'requests'
    | 'guarded'
    | 'distribute'
    | 'idle'
    | 'fanOut'
    | 'streams'
    | 'handOff'
    | 'relay'
  /** Peers that it is for, where others have the part too. @default all that have it */
  readonly only?: readonly string[]
  readonly rounds: number
  /** Numbers that the command line may set, with `--name`. `size` and `prefetch` reach the peers' parts, as `Setting`. */
  readonly options: Readonly<Record<string, { readonly default: number; readonly help: string }>>
  /** Options of the runs that docs/performance.md has, one place each: `throughput 16`. @default one run with the defaults */
  readonly variants?: readonly Numbers[]
  /** One round of one peer; rounds of the peers alternate. */
  round(stage: Stage, context: Context): Promise<Sample>
  /** What the JSON file says of a peer. */
  summary(samples: readonly Sample[], options: Numbers): Result
  /** The table: a heading and a cell for each column. */
  readonly columns: readonly (readonly [heading: string, cell: (result: Result) => string])[]
  /** A line under the table: what was done, and whether a goal was met. */
  notes(results: Readonly<Record<string, Result>>, options: Numbers): string[]
  /** By which netqueue is compared with its peers, round by round, and which the chart shows. @default they are not compared */
  readonly figure?: Figure<Sample>
  /** What netqueue shall reach with these options. @default nothing is set */
  goals?(options: Numbers): readonly Goal<Sample>[]
}

export interface Figure<Sample = unknown> {
  /** With its unit: 'items/s'. */
  readonly title: string
  /** Which is better. @default 'most' */
  readonly best?: 'most' | 'least'
  of(this: void, sample: Sample): number
}

/** A bound for a ratio: netqueue's figure to another's in the same round, the median of the rounds. */
export interface Goal<Sample = unknown> {
  /** @default 'netqueue' */
  readonly subject?: string
  /** A peer's name, several of which the best counts, or all products (`'peers'`); nothing for a bound on the figure itself. */
  readonly against?: string | readonly string[]
  /** The worst round has to reach it, not the middle one; for a bound on the figure itself. @default false */
  readonly everyRound?: boolean
  /** Products that another goal is for. @default none */
  readonly except?: readonly string[]
  readonly least?: number
  readonly most?: number
  /** @default the workload's */
  readonly figure?: Figure<Sample>
}

export interface Context {
  readonly options: Numbers
  /** Says what is going on, on the line that shows progress. */
  readonly progress: (text: string) => void
}

export type Numbers = Readonly<Record<string, number>>
