import type { Framing, FramingOptions } from '../../framing/framing.ts'
import { framingOf } from '../../framing/framing.ts'
import type { Layout } from '../../framing/layout.ts'
import type { Handshake, HandshakeInit } from '../handshake.ts'
import type { Intent, Protocol } from '../protocol.ts'
import { HEADER_BYTES, headerOf } from './frame.ts'
import { ClientHandshake, ServerHandshake } from './handshake.ts'
import { checkIntent } from './rules.ts'
import { Subjects } from './subjects.ts'
import { MISSION_COMMANDER, supports } from './wire.ts'

const layout: Layout = {
  measure: (bytes, at) =>
    bytes.length - at < HEADER_BYTES ? undefined : HEADER_BYTES + headerOf(bytes.subarray(at)).length,
}

export interface MissionCommanderOptions {
  /**
   * The subjects of messages that are called otherwise here, by their names: events have names that no message can have, such as `status`.
   * @default each message has its name for a subject
   */
  subjects?: Readonly<Record<string, string>>
}

/**
 * Speaks MissionCommander with its clients, or with its server: messages both ways, in JSON, each with its name as the subject, of at most
 * 30 bytes of UTF-8, or a few more where `maxItemBytes` is lower. Items and requests are `UNSUPPORTED`.
 */
export function missionCommander(options: MissionCommanderOptions = {}): Protocol {
  const subjects = new Subjects(options.subjects)
  return {
    name: MISSION_COMMANDER,
    supports,
    // An original server stops to accept anybody when an id comes that it has, or had.
    renamesClients: true,
    check: (intent: Intent): void => checkIntent(intent, subjects),
    framing: (framing: FramingOptions): Framing => framingOf(layout, framing),
    handshake: (init: HandshakeInit): Handshake =>
      init.role === 'client' ? new ClientHandshake(init, subjects) : new ServerHandshake(init, subjects),
  }
}

/** How the original's client looks for a server that it lost: after 0.1 s, twice as long each time, up to 15 s, for ever. For `reconnect`. */
export const missionCommanderReconnect = { minDelayMs: 100, maxDelayMs: 15_000, jitter: false } as const
