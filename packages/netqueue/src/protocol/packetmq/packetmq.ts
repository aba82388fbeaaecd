import { framingOf } from '../../framing/framing.ts'
import type { Framing } from '../../framing/framing.ts'
import type { Handshake, HandshakeInit } from '../handshake.ts'
import type { Protocol } from '../protocol.ts'
import { checkIntent } from './rules.ts'
import { packetLayout, PACKETMQ } from './frame.ts'
import { PacketmqHandshake } from './handshake.ts'
import { settingsFrom } from './settings.ts'
import type { PacketmqOptions } from './settings.ts'

/**
 * packetmq 0.1, for both ends of it: messages travel as packets, by their names and ids, in msgpack. Of two sides one takes over the ids of the
 * other (`messageIds`): unless told otherwise the client. Requests, headers, and items unless `items` names a message for them, are `UNSUPPORTED`.
 */
export function packetmq(options: PacketmqOptions = {}): Protocol {
  const settings = settingsFrom(options)
  const layout = packetLayout(settings.maxPacketBytes)
  return {
    name: PACKETMQ,
    supports: settings.supports,
    framing: (asked): Framing => framingOf(layout, asked),
    handshake: (init: HandshakeInit): Handshake => new PacketmqHandshake(init, settings),
    check: (intent) => checkIntent(intent, settings),
  }
}
