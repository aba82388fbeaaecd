import { DelayedOutgoing } from './delayed-outgoing.ts'
import type { DelayedSource } from './delayed-outgoing.ts'
import type { ConnectionInit } from './introductions.ts'
import { Outgoing } from './outgoing.ts'
import { PromptOutgoing } from './prompt-outgoing.ts'
import { SpacedOutgoing } from './spaced-outgoing.ts'

/** The frames of one connection, at the pace that its protocol or its user asks for. */
export function outgoingOf(
  source: DelayedSource,
  { protocol: { gapMs = 0 }, pulse: { flushDelayMs, passesOn } }: ConnectionInit,
): Outgoing {
  if (gapMs > 0) return new SpacedOutgoing(source, gapMs)
  if (flushDelayMs > 0) return new DelayedOutgoing(source, flushDelayMs)
  return passesOn ? new PromptOutgoing(source) : new Outgoing(source)
}
