import type { MessageEntry } from '../../message/definition.ts'
import type { Intent } from '../protocol.ts'
import { fits, isId, MAX_ID_BYTES, NEGOTIATION, SHUTDOWN } from './frame.ts'
import type { Subjects } from './subjects.ts'
import { maxBodyBytes } from './wire.ts'

const CODEC = 'json'
const RESERVED: readonly string[] = [NEGOTIATION, SHUTDOWN]
const ID_RULE = `at most ${MAX_ID_BYTES} bytes of UTF-8 without control characters`

const show = (text: string): string => JSON.stringify(text)

/**
 * Throws for what this side could not say: a `TypeError` for a message that is not JSON, and for a subject that was given to none of its
 * messages; a `RangeError` for a subject that is the protocol's own, that two messages have, or that leaves no room in the header for the
 * length of every body that may be sent, and for an id that no server takes.
 */
export function checkIntent({ role, introduction, limits }: Intent, subjects: Subjects): void {
  const { id, messages } = introduction()
  const entries = [...(messages?.table ?? [])]
  if (role === 'client' && id !== '' && !isId(id))
    throw new RangeError(`Expected \`id\` to have ${ID_RULE}, got ${show(id)}`)
  for (const { name, codec } of entries) checkCodec(name, codec)
  checkGiven(entries, subjects)
  const taken = new Set(RESERVED)
  for (const { name } of entries) checkSubject(subjects.subjectOf(name), taken, maxBodyBytes(limits))
}

function checkCodec(name: string, codec: string): void {
  if (codec === CODEC) return
  throw new TypeError(`Expected messages of MissionCommander to have the codec json(), got ${codec} for ${show(name)}`)
}

function checkGiven(entries: readonly MessageEntry[], { given }: Subjects): void {
  const stranger = [...given].find((name) => !entries.some((entry) => entry.name === name))
  if (stranger === undefined) return
  throw new TypeError(`Expected \`subjects\` to be those of this side's \`messages\`, got one for ${show(stranger)}`)
}

function checkSubject(subject: string, taken: Set<string>, maxBytes: number): void {
  if (taken.has(subject))
    throw new RangeError(
      `Expected subjects that differ from each other and from MissionCommander's own, got ${show(subject)}`,
    )
  taken.add(subject)
  if (fits(subject, maxBytes)) return
  const rule = `Expected subjects to leave room in MissionCommander's header of 64 bytes for bodies of up to ${maxBytes} bytes (maxItemBytes)`
  throw new RangeError(`${rule}, got ${show(subject)}; give it another one in \`subjects\`, or lower maxItemBytes`)
}
