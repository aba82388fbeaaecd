import type { MessageEntry } from '../../message/definition.ts'
import type { Intent } from '../protocol.ts'

const CODEC = 'text'

/** Throws a `TypeError` for messages that are not the one that there is, by that name: without a reply, and text. */
export function checkIntent({ introduction }: Intent, message: string): void {
  const { messages } = introduction()
  const entries = [...(messages?.table ?? [])]
  const entry = entries.find(({ name }) => name === message)
  const other = entries.find(({ name }) => name !== message)
  const one = `${JSON.stringify(message)}, the one message of SimpleServer`
  if (entry === undefined) throw new TypeError(`Expected \`messages\` to define ${one}, got ${listOf(entries)}`)
  if (other !== undefined)
    throw new TypeError(`Expected \`messages\` to have nothing but ${one}, got ${JSON.stringify(other.name)}`)
  if (entry.isRequest) throw new TypeError(`Expected ${one}, to have no reply`)
  if (entry.codec === CODEC) return
  throw new TypeError(`Expected ${one}, to have the codec text(), got ${entry.codec}`)
}

const listOf = (entries: readonly MessageEntry[]): string =>
  entries.length === 0 ? 'none' : entries.map(({ name }) => JSON.stringify(name)).join(', ')
