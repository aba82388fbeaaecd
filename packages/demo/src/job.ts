import { msgpack, text } from 'netqueue'
import type { Codec } from 'netqueue'
import type { Digest } from './digest.ts'

/** What a worker answers for one file. */
export interface Answer {
  /** Relative to the directory, as it was asked. */
  path: string
  digest: Digest
  /** The name of the worker. */
  worker: string
  /** How many times the file was handed out, this time included. */
  attempt: number
}

/** How paths travel to the workers and answers come back; given to both sides, so that both have the types. */
export const codecs: { item: Codec<string>; result: Codec<Answer> } = { item: text(), result: msgpack<Answer>() }

/** Files that a worker reads at once: while the disk is busy with one, the processor has another. */
export const CONCURRENCY = 4
