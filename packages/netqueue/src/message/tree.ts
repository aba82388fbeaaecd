import type { Path } from './route.ts'

/** What a node of a tree is like, as those above it are told. */
export interface About {
  readonly tags: readonly string[]
  /** What it said last of itself. */
  readonly status: unknown
  /** Milliseconds from whoever tells it to the node and back; `undefined` where nobody knows. */
  readonly rtt: number | undefined
  readonly isRelay: boolean
}

/** A node below a relay is there, is another than it was, or is gone with all that is below it. */
export interface NodeChange {
  /** From the relay that tells it. */
  readonly path: Path
  /** `undefined`: it is gone. */
  readonly about: About | undefined
  /** What the change took on the wire. */
  readonly bytes: number
}

/** What is told of a node, before it is written. */
export type ToldNode = Omit<NodeChange, 'bytes'>

/** Somebody below a relay defines a message of that name, or nobody does any more. */
export interface NameChange {
  readonly name: string
  readonly isKnown: boolean
}

/** The longest items that somebody below a relay takes, in bytes. */
export interface Longest {
  /** Of those that are put. */
  readonly put: number
  /** Of those whose result is wanted: not all can answer. */
  readonly submitted: number
}

/** What may be known below one client: nodes, the bytes of what they are told by, and names. */
export const MAX_NODES = 1_024
export const MAX_NODE_BYTES = 1_048_576
export const MAX_NAMES = 1_024
/** The longest text about one node. */
export const MAX_ABOUT_BYTES = 12_288
