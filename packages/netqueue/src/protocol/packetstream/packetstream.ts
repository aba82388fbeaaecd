import type { Framing, FramingOptions } from '../../framing/framing.ts'
import { framingOf } from '../../framing/framing.ts'
import type { Handshake, HandshakeInit } from '../handshake.ts'
import type { Intent, Protocol } from '../protocol.ts'
import type { Supports } from '../supports.ts'
import { flagsFault } from './flags.ts'
import { PacketstreamHandshake } from './handshake.ts'
import { layout } from './frame.ts'
import { RequestTypes } from './request-types.ts'
import { checkIntent } from './rules.ts'

export interface PacketstreamOptions {
  /**
   * The `rq_type` of messages, by name, from 0. Those that are not named have their `id`. @default none is named
   */
  types?: Readonly<Record<string, number>>
}

const NAME = 'packetstream'
const supports: Supports = {
  items: false,
  credit: false,
  settle: false,
  result: false,
  request: true,
  stream: false,
  message: true,
  headers: true,
  heartbeat: false,
}

/**
 * The protocol of cs.packetstream 20240630: requests in both directions, each with flags and bytes, on any pair of byte streams. `rq_type` is
 * the number of a message; one without a reply is a request whose answer nobody looks at. Flags travel as `headers: { flags: '5' }`. Messages
 * have any codec but msgpack(), which the original does not have: `bytes()`, `text()`, or your own.
 */
export function packetstream({ types }: PacketstreamOptions = {}): Protocol {
  const requestTypes = new RequestTypes(types)
  const own = { protocol: { name: NAME, supports }, types: requestTypes }
  return {
    ...own.protocol,
    framing: (options: FramingOptions): Framing => framingOf(layout, options),
    handshake: (init: HandshakeInit): Handshake => new PacketstreamHandshake(init, own),
    check: (intent: Intent): void => checkIntent(intent, requestTypes),
    headerFault: flagsFault,
  }
}
