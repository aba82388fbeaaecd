import type { Message } from '../../src/protocol/message.ts'

type Items = Extract<Message, { type: 'items' }>

/** A message whose items are all cut out. */
export type Plain = Exclude<Message, Items> | (Omit<Items, 'payloads'> & { payloads: Uint8Array[] })

/** A message for comparing, and for keeping when its frame is gone. */
export function plain(message: Message): Plain {
  if (message.type === 'result') return { ...message, value: message.value?.slice() }
  if (message.type !== 'items') return message
  const { payloads } = message
  return { ...message, payloads: Array.from({ length: payloads.count }, () => payloads.next().slice()) }
}
