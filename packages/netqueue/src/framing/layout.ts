import type { Bytes } from '../transport/transport.ts'

/**
 * How frames stand in a stream of bytes. One for all connections: it keeps nothing. A header that says more than a length belongs to its
 * frame, and is read and written by the protocol; one that says nothing else may be a prefix, which only the framing sees.
 */
export interface Layout {
  /** Bytes in front of each frame that are not its own. @default 0 */
  readonly prefixBytes?: number
  /** Fewest bytes of a frame, without its prefix: below it is `FRAME_TOO_SHORT`. @default 0 */
  readonly minBytes?: number
  /**
   * How long what begins at `at` is, its prefix included; `undefined`: more of it has to come first. There is at least one byte. Must answer
   * as soon as it can, by bytes that come one by one, too. Throws a coded error for what no frame begins with. Beginnings of 256
   * bytes without an answer are `BAD_MESSAGE`.
   */
  measure(bytes: Uint8Array, at: number): number | undefined
  /** Puts the prefix in front of each frame; those with room for it ({@link roomyFrame}) stay where they are. @default frames leave as they are */
  encode?(frames: AsyncIterable<Bytes>): AsyncIterable<Bytes>
  /** Another protocol whose first bytes make that length, by name. @default none is known */
  foreign?(length: number): string | undefined
}

/** What one read gives is one frame: for formats that have no boundaries. */
export const eachRead: Layout = { measure: (bytes, at) => bytes.length - at }
