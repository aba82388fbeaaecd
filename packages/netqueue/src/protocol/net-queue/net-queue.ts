import type { Framing, FramingOptions } from '../../framing/framing.ts'
import { framingOf } from '../../framing/framing.ts'
import { lengthPrefix } from '../../framing/length-prefix.ts'
import type { Handshake, HandshakeInit } from '../handshake.ts'
import type { Intent, Protocol } from '../protocol.ts'
import { ClientHandshake } from './client-handshake.ts'
import { newOut } from './batch.ts'
import { TYPE_BYTES } from './frame-types.ts'
import { NATIVE, nativeSupports } from './native-wire.ts'
import { ORIGINAL, originalSupports } from './original-wire.ts'
import { OriginalHandshake } from './original-handshake.ts'
import { checkId } from './hello.ts'
import { ServerHandshake } from './server-handshake.ts'
import { checkWelcome } from './welcome.ts'

const LAYOUT = lengthPrefix(TYPE_BYTES)
const framing = (options: FramingOptions): Framing => framingOf(LAYOUT, options)

/** netqueue/1; a server that speaks it takes original net-queue clients on the same port. */
export function native(): Protocol {
  const out = newOut()
  return {
    name: NATIVE,
    supports: nativeSupports,
    authenticates: true,
    check,
    framing,
    handshake: (init: HandshakeInit): Handshake =>
      init.role === 'client' ? new ClientHandshake(init, out) : new ServerHandshake(init, out),
  }
}

/**
 * The seed's own protocol, for a client of an original net-queue server: items are strings of at most 99,000 bytes without a newline, an item
 * that was flushed counts as settled, and whatever else there is, `UNSUPPORTED`. A server needs nothing for its original clients.
 */
export function netQueue(): Protocol {
  const out = newOut()
  return {
    name: ORIGINAL,
    supports: originalSupports,
    framing,
    handshake: (init: HandshakeInit): Handshake =>
      init.role === 'client' ? new OriginalHandshake(init) : new ServerHandshake(init, out),
  }
}

/** A client's is checked as it connects: it may have another status by then. */
function check({ role, introduction, limits, denials }: Intent): void {
  if (role === 'client') return
  const own = introduction()
  checkId(own.id)
  checkWelcome(own, limits, role, denials)
}
