import type { FrameLimit, Framing, FramingOptions } from '../../framing/framing.ts'
import { framingOf } from '../../framing/framing.ts'
import { lengthPrefix } from '../../framing/length-prefix.ts'
import type { Progress } from '../../framing/progress.ts'
import type { Handshake, HandshakeInit, Protocol } from '../protocol.ts'
import { checkIntent } from './check.ts'
import { PACKETMQ, TYPE_BYTES } from './frame.ts'
import { PacketmqHandshake } from './handshake.ts'
import { settingsFrom } from './settings.ts'
import type { PacketmqOptions } from './settings.ts'
import { supportsOf } from './wire.ts'

const LAYOUT = lengthPrefix(TYPE_BYTES)

/**
 * packetmq 0.1, for both ends of it: messages travel as packets, by their names and ids, in msgpack. Of two sides one takes over the ids of the
 * other (`messageIds`): unless told otherwise the client. Requests, headers, and items unless `items` names a message for them, are `UNSUPPORTED`.
 */
export function packetmq(options: PacketmqOptions = {}): Protocol {
  const settings = settingsFrom(options)
  return {
    name: PACKETMQ,
    supports: supportsOf(settings),
    framing: (asked: FramingOptions): Framing => framingOf(LAYOUT, new Limited(asked, settings.maxPacketBytes)),
    handshake: (init: HandshakeInit): Handshake => new PacketmqHandshake(init, settings),
    check: (intent) => checkIntent(intent, settings),
  }
}

/** The same, and no frame longer than a packet may be. */
class Limited implements FramingOptions {
  readonly #asked: FramingOptions
  readonly #packet: FrameLimit

  constructor(asked: FramingOptions, bytes: number) {
    this.#asked = asked
    this.#packet = { name: 'maxPacketBytes', bytes }
  }

  get received(): Progress {
    return this.#asked.received ?? { begun: 0, done: 0 }
  }

  limit(): FrameLimit {
    const asked = this.#asked.limit()
    return asked.bytes <= this.#packet.bytes ? asked : this.#packet
  }

  unread(rest: Uint8Array): void {
    this.#asked.unread?.(rest)
  }
}
