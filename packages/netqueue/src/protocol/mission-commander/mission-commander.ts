import type { Framing, FramingOptions } from '../../framing/framing.ts'
import { framingOf } from '../../framing/framing.ts'
import type { Layout } from '../../framing/layout.ts'
import type { Handshake, HandshakeInit, Protocol } from '../protocol.ts'
import { HEADER_BYTES, headerOf } from './frame.ts'
import { ClientHandshake, ServerHandshake } from './handshake.ts'
import { checkIntent } from './rules.ts'
import { MISSION_COMMANDER, supports } from './wire.ts'

const layout: Layout = {
  measure: (bytes, at) =>
    bytes.length - at < HEADER_BYTES ? undefined : HEADER_BYTES + headerOf(bytes.subarray(at)).length,
}

/**
 * Speaks MissionCommander with its clients, or with its server: messages both ways, in JSON, each with its name as the subject, of at most
 * about 30 bytes of UTF-8. Items and requests are `UNSUPPORTED`.
 */
export function missionCommander(): Protocol {
  return {
    name: MISSION_COMMANDER,
    supports,
    check: checkIntent,
    framing: (options: FramingOptions): Framing => framingOf(layout, options),
    handshake: (init: HandshakeInit): Handshake =>
      init.role === 'client' ? new ClientHandshake(init) : new ServerHandshake(init),
  }
}

/** How the original's client looks for a server that it lost: after 0.1 s, twice as long each time, up to 15 s, for ever. For `reconnect`. */
export const missionCommanderReconnect = { minDelayMs: 100, maxDelayMs: 15_000, jitter: false } as const
