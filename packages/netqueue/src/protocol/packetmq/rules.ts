import type { MessageEntry } from '../../message/definition.ts'
import type { Intent } from '../protocol.ts'
import { CODEC } from './agreement.ts'
import type { PacketmqSettings } from './settings.ts'

/** Throws a `TypeError` for messages, or items, that packetmq cannot carry. Requests are not announced, and `UNSUPPORTED` where they are used. */
export function checkIntent({ introduction }: Intent, { items }: PacketmqSettings): void {
  const { messages, item, result } = introduction()
  const table = messages?.table.byName
  for (const entry of table?.values() ?? []) if (!entry.isRequest) checkCodec(entry)
  if (items === undefined) return
  if (table?.get(items)?.isRequest !== false) throw noItems(items)
  const other = item === CODEC ? result : item
  if (other !== CODEC)
    throw new TypeError(`Expected items to travel as ${CODEC}, as packetmq has no other codec, got ${other}`)
}

function checkCodec({ name, codec }: MessageEntry): void {
  if (codec === CODEC) return
  const rule = `Expected the message ${JSON.stringify(name)} to travel as ${CODEC}, as packetmq has no other codec`
  throw new TypeError(`${rule}, got ${codec}`)
}

function noItems(items: string): TypeError {
  const rule = "Expected `items` of packetmq() to be the name of one of this side's `messages`, without a reply"
  return new TypeError(`${rule}, got ${JSON.stringify(items)}`)
}
