import { checkInteger, checkString } from '../../errors/check.ts'
import { framingOf } from '../../framing/framing.ts'
import type { FrameLimit, Framing, FramingOptions } from '../../framing/framing.ts'
import { eachRead } from '../../framing/layout.ts'
import type { Handshake, HandshakeInit } from '../handshake.ts'
import type { Intent, Protocol } from '../protocol.ts'
import { AROUND_BYTES, headerFault, MAX_MESSAGE_BYTES } from './frame.ts'
import { SimpleServerHandshake } from './handshake.ts'
import { checkIntent } from './rules.ts'
import { SIMPLE_SERVER, supports } from './wire.ts'

export interface SimpleServerOptions {
  /** What the one message that there is is called here: `messages` defines it, with the codec `text()`. @default 'message' */
  message?: string
  /**
   * Milliseconds between two messages to one peer, up to 1,000. The format does not say where a message ends: what a peer reads at a time is one
   * to it, be it two. 0: they leave as fast as they can. @default 10 (an original server reads once in 8.3 ms)
   */
  gapMs?: number
}

/** Longer than that, and who is not heard looks lost. */
const MAX_GAP_MS = 1_000
const DEFAULT_GAP_MS = 10

/**
 * Speaks SimpleServer with its clients, or with its server: messages of one kind both ways, texts with headers, of at most 1,024 bytes in all.
 * Items and requests are `UNSUPPORTED`.
 */
export function simpleServer({ message = 'message', gapMs = DEFAULT_GAP_MS }: SimpleServerOptions = {}): Protocol {
  checkString('message', message)
  checkInteger('gapMs', gapMs, 0, MAX_GAP_MS)
  return {
    name: SIMPLE_SERVER,
    supports,
    isUnframed: true,
    gapMs,
    maxItemBytes: MAX_MESSAGE_BYTES - AROUND_BYTES,
    headerFault,
    check: (intent: Intent): void => checkIntent(intent, message),
    framing: (options: FramingOptions): Framing => framingOf(eachRead, { ...options, limit: () => limitOf(options) }),
    handshake: (init: HandshakeInit): Handshake => new SimpleServerHandshake(init, message),
  }
}

function limitOf(options: FramingOptions): FrameLimit {
  const limit = options.limit()
  return limit.bytes < MAX_MESSAGE_BYTES ? limit : { name: SIMPLE_SERVER, bytes: MAX_MESSAGE_BYTES }
}
