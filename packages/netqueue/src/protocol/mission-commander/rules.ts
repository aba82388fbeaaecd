import type { MessageEntry } from '../../message/definition.ts'
import type { Intent } from '../protocol.ts'
import { fits, isId, MAX_ID_BYTES, NEGOTIATION, SHUTDOWN } from './frame.ts'
import { maxBodyBytes } from './wire.ts'

const CODEC = 'json'
const RESERVED: readonly string[] = [NEGOTIATION, SHUTDOWN]

/**
 * Throws for what this side could not say: a `TypeError` for a message that is not JSON, a `RangeError` for one whose name is the protocol's
 * own or leaves no room in the header for the length of every body that may be sent, and for an id that no server takes.
 */
export function checkIntent({ role, introduction, limits }: Intent): void {
  const { id, messages } = introduction()
  if (role === 'client' && id !== '' && !isId(id)) {
    const rule = `at most ${MAX_ID_BYTES} bytes of UTF-8 without control characters`
    throw new RangeError(`Expected \`id\` to have ${rule}, got ${JSON.stringify(id)}`)
  }
  for (const entry of messages?.table ?? []) checkMessage(entry, maxBodyBytes(limits))
}

function checkMessage({ name, codec }: MessageEntry, maxBytes: number): void {
  const subject = JSON.stringify(name)
  if (codec !== CODEC)
    throw new TypeError(`Expected messages of MissionCommander to have the codec json(), got ${codec} for ${subject}`)
  if (RESERVED.includes(name))
    throw new RangeError(`Expected names of messages other than MissionCommander's own, got ${subject}`)
  if (fits(name, maxBytes)) return
  const rule = `Expected names of messages to leave room in MissionCommander's header of 64 bytes for bodies of up to ${maxBytes} bytes (maxItemBytes)`
  throw new RangeError(`${rule}, got ${subject}; a smaller maxItemBytes leaves more`)
}
