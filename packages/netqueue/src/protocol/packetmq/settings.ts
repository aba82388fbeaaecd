import { checkInteger, checkString } from '../../errors/check.ts'
import type { Supports } from '../supports.ts'

export interface PacketmqOptions {
  /**
   * The name of one of the `messages` whose packets are items, for `put`, `for await` and the like: one is on its way at a time, and what was
   * flushed counts as settled. @default none: items are `UNSUPPORTED`
   */
  items?: string
  /** Longest packet, its number included and its length not, in either direction. @default 99_999: an original hangs up on longer ones */
  maxPacketBytes?: number
}

export interface PacketmqSettings {
  readonly items: string | undefined
  readonly maxPacketBytes: number
  readonly supports: Supports
}

/** Throws a `TypeError` or `RangeError` for options that are none. */
export function settingsFrom({ items, maxPacketBytes = 99_999 }: PacketmqOptions): PacketmqSettings {
  if (items !== undefined) checkString('items', items)
  checkInteger('maxPacketBytes', maxPacketBytes, 1_024, 2 ** 26)
  return { items, maxPacketBytes, supports: supportsOf(items !== undefined) }
}

function supportsOf(items: boolean): Supports {
  return {
    items,
    credit: false,
    settle: false,
    result: false,
    request: false,
    stream: false,
    message: true,
    headers: false,
    heartbeat: false,
  }
}
