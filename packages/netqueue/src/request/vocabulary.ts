import type { Named } from '../message/route.ts'

/** What of a message is encoded: what is sent, what answers it, or one chunk of the stream that goes along with a request. A chunk of a streamed reply is a `reply`. */
export type Part = 'payload' | 'reply' | 'body'

/** The names of one connection: what each side calls a message, and how it is encoded. */
export interface Vocabulary {
  /** The id by which we call a message; 0 where a relay is to have it by {@link named}. Throws for a name that we have not defined, or may not use. */
  idOf(name: string): number
  /** What a message of ours is called anywhere. */
  named?(name: string): Named
  /** The id of what is passed on, where both sides define it; 0: it goes by its name. Throws for what may not go from here to there. @default 0 */
  idFor?(named: Named): number
  /** What the peer calls by this id, as it has announced it. */
  namedBy?(id: number): Named | undefined
  /** Whether a message that is asked for by name is the same as ours of that name. @default it is */
  fits?(named: Named): boolean
  /** The name of what the peer calls by this id; `undefined` for an id that it has not announced. */
  nameOf(id: number): string | undefined
  /** Whether the peer may ask or send us that. @default all that it has announced */
  admits?(name: string): boolean
  /** Throws `ENCODE_FAILED`. */
  encode(name: string, part: Part, value: unknown): Uint8Array
  /** Throws `DECODE_FAILED`. Asked only for names that we have defined. */
  decode(name: string, part: Part, bytes: Uint8Array): unknown
}
