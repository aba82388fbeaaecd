import type { Peer } from '../peers/peer.d.ts'
import type { Stage } from '../stage.mjs'

/** What is measured. Every file in this folder that ends in `.mjs` exports one as `workload`, under its own name, beside its roles. */
export interface Workload<Sample = unknown, Result extends object = object> {
  readonly title: string
  /** The part of a peer that it runs. */
  readonly needs: Exclude<keyof Peer, 'packages' | 'setup' | 'missing'>
  readonly rounds: number
  /** Numbers that the command line may set, with `--name`. */
  readonly options: Readonly<Record<string, { readonly default: number; readonly help: string }>>
  /** One round of one peer; rounds of the peers alternate. */
  round(stage: Stage, context: Context): Promise<Sample>
  /** What the JSON file says of a peer. */
  summary(samples: readonly Sample[], options: Numbers): Result
  /** The table: a heading and a cell for each column. */
  readonly columns: readonly (readonly [heading: string, cell: (result: Result) => string])[]
  /** A line under the table: what was done, and whether a goal was met. */
  notes(results: Readonly<Record<string, Result>>, options: Numbers): string[]
}

export interface Context {
  readonly options: Numbers
  /** Says what is going on, on the line that shows progress. */
  readonly progress: (text: string) => void
}

export type Numbers = Readonly<Record<string, number>>
