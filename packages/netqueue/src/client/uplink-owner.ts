import type { Pulse } from '../connection/pulse.ts'
import type { Entries } from '../delivery/entry.ts'
import type { SharedByLinks } from '../delivery/link.ts'
import type { Puts } from '../delivery/puts.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { ShownTo } from './evidence.ts'
import type { OnDemand } from './on-demand.ts'
import type { Reconnect } from '../life/back-off.ts'
import type { ClientStateChange } from '../life/states.ts'
import type { Introduction } from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { Relaying } from '../endpoint/relaying.ts'
import type { Talk } from '../endpoint/talk.ts'
import type { Uplink } from './uplink.ts'

/** What the uplinks of one client share. */
export interface SharedByUplinks {
  link: SharedByLinks
  talk: Talk
  puts: Pick<Puts<unknown>, 'join' | 'leaving' | 'pause' | 'resume' | 'leave' | 'advance' | 'settled' | 'lost'>
  protocol: Protocol
  /** What the client says of itself to the next server. */
  introduction: () => Introduction
  /** A relay's. @default it is none */
  relaying?: Relaying | undefined
  /** Its status, as it is now. */
  status: () => unknown
  /** What the next connection is to show of the client. @default nothing */
  evidence?: (() => Promise<ShownTo | undefined>) | undefined
  /** A server has confirmed or given the client's id. */
  identified: (id: string) => void
  connectTimeoutMs: number
  /** `undefined`: what is lost stays lost. */
  reconnect: Reconnect | undefined
  pulse: Pulse
  closeDuplex: boolean | undefined
}

/** Whoever has uplinks: told what becomes of them. */
export interface UplinkOwner {
  /** Whether anybody uses its servers, where they are looked for on demand; `undefined` where they are not. */
  readonly demand: Pick<OnDemand, 'isUsed'> | undefined
  /** What happens in it is told to users when it is over. */
  together(act: () => void): void
  entered(uplink: Uplink, change: ClientStateChange): void
  /** Requests and messages can go this way. */
  opened(): void
  /** The connection is gone; no error where both sides said goodbye, and none is looked for. */
  disconnected(uplink: Uplink, error: NetQueueError | undefined): void
  /** The server drains. */
  goaway(uplink: Uplink, code: string): void
  statusChanged(uplink: Uplink, status: unknown): void
  /** It is over for good; these are what the server has not said that it received. */
  ended(uplink: Uplink, error: NetQueueError | undefined, entries: Entries): void
  /** Something was settled, answered or received. */
  changed(): void
  warn(error: NetQueueError, uplink: Uplink): void
}
