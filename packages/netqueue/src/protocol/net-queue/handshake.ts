import { NetQueueError } from '../../errors/errors.ts'
import { mismatch, NO_MESSAGES, Registry } from '../../message/registry.ts'
import type { Bans } from '../../message/registry.ts'
import type { HandshakeStep, Introduction } from '../handshake.ts'
import { decodeError } from './error-frame.ts'
import { frameData, frameType, FrameType, unexpected } from './frame-types.ts'
import { decodeWelcome } from './welcome.ts'
import type { Agreement, Welcome } from './welcome.ts'

export const isOriginalType = (type: number): boolean => type >= FrameType.CONN && type <= FrameType.ENQUEUE

/** How a peer may end the introduction at any time, once it has begun. */
export function endOf(frame: Uint8Array): HandshakeStep | undefined {
  if (frameType(frame) === FrameType.DISCONN) return { send: [], end: { type: 'disconnect' } }
  if (frameType(frame) === FrameType.ERROR) return { send: [], end: decodeError(frame) }
  return undefined
}

/** The other side's terms; throws for every other frame. */
export function welcomeOf(frame: Uint8Array, from: 'client' | 'server'): Welcome {
  if (frameType(frame) !== FrameType.WELCOME) throw unexpected(frameType(frame))
  return decodeWelcome(frameData(frame), from)
}

/** `CODEC_MISMATCH` where the two sides would not read each other's items, `MESSAGES_MISMATCH` where they would not their messages. */
export function disagreement(introduction: Introduction, welcome: Welcome): NetQueueError | undefined {
  const { messages = NO_MESSAGES } = introduction
  return codecMismatch(introduction, welcome) ?? mismatch(messages, welcome.announcement)
}

function codecMismatch(introduction: Introduction, welcome: Welcome): NetQueueError | undefined {
  const option = (['item', 'result'] as const).find((name) => introduction[name] !== welcome[name])
  if (option === undefined) return undefined
  const [ours, theirs] = [introduction[option], welcome[option]]
  const message = `Expected the peer's codec for \`${option}\` to be ${JSON.stringify(ours)}, got ${JSON.stringify(theirs)}`
  return new NetQueueError('CODEC_MISMATCH', message, { limit: option, value: theirs })
}

/** Of two sides that do not disagree. */
export function agreement({ messages = NO_MESSAGES }: Introduction, welcome: Welcome, bans?: Bans): Agreement {
  return {
    ...welcome,
    registry: new Registry(messages, { ...welcome.announcement, isRelay: welcome.isRelay }, bans),
    bans,
  }
}
