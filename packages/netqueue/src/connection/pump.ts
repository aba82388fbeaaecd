import { pipe } from 'it-pipe'
import type { Frames, FrameTaker, Framing } from '../framing/framing.ts'
import type { ByteDuplex, Bytes } from '../transport/transport.ts'
import type { Incoming } from './incoming.ts'
import type { Outgoing } from './outgoing.ts'

export interface PumpInit {
  framing: Framing
  incoming: Incoming
  outgoing: Outgoing
  taker: FrameTaker
}

/** Pipes frames into a duplex and out of it, as chunks. Resolves when its sink wants no more; throws at once where the duplex does. */
export function pump(duplex: ByteDuplex, { framing, incoming, outgoing, taker }: PumpInit): Promise<void> {
  const encode = (frames: AsyncIterable<Bytes>): AsyncIterable<Bytes> => framing.encode(frames)
  const decode = (chunks: AsyncIterable<Bytes>): Frames => framing.decode(chunks)
  const sent = pipe(outgoing, encode, (chunks) => duplex.sink(chunks))
  pipe(incoming, decode, (frames) => frames.each(taker))
  return sent
}

/** Cuts a duplex, and resolves when the system has released it: whoever waits for that must find no handle. */
export function cutOff(duplex: ByteDuplex, reason: Error): Promise<void> {
  try {
    duplex.abort?.(reason)
  } catch {
    // It is the user's, and of no use any more.
  }
  // Of one that broke, this may be a rejection.
  return Promise.resolve(duplex.closed).catch(() => {})
}
