import type { MessageTable } from '../../message/messages.ts'
import type { Intent } from '../protocol.ts'
import type { RequestTypes } from './request-types.ts'

const FOREIGN_CODEC = 'msgpack'

/** Throws a `TypeError` for messages with a codec that no original has, and as {@link RequestTypes.check} does. */
export function checkIntent({ introduction }: Intent, types: RequestTypes): void {
  const { messages } = introduction()
  if (messages === undefined) return
  checkCodecs(messages.table)
  types.check(messages.table)
}

function checkCodecs(table: MessageTable): void {
  for (const { name, codec } of table) if (codec === FOREIGN_CODEC) throw foreign(name)
}

function foreign(name: string): TypeError {
  const rule = `Expected ${JSON.stringify(name)} to have a codec for packetstream, as bytes() or text()`
  return new TypeError(`${rule}, got \`${FOREIGN_CODEC}\``)
}
