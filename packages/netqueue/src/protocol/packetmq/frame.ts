import { NetQueueError } from '../../errors/errors.ts'
import { lengthPrefix } from '../../framing/length-prefix.ts'
import type { Layout } from '../../framing/layout.ts'
import type { Limits } from '../../options/limits.ts'

/** The name of the protocol. */
export const PACKETMQ = 'packetmq'

/** The packets that every side has, by the names and the numbers that the original gives them. */
export const PacketType = {
  HANDSHAKE_INIT: 0,
  SOFTQUIT: 1,
  HANDSHAKE_PUBIDS: 2,
  HANDSHAKE_FINISH: 3,
} as const

export const DEFAULT_PACKETS: ReadonlyMap<string, number> = new Map([
  ['packetmq:handshake_init', PacketType.HANDSHAKE_INIT],
  ['packetmq:softquit', PacketType.SOFTQUIT],
  ['packetmq:handshake_pubids', PacketType.HANDSHAKE_PUBIDS],
  ['packetmq:handshake_finish', PacketType.HANDSHAKE_FINISH],
])

const LENGTH_BYTES = 4
const TYPE_BYTES = 2
const HEADER_BYTES = LENGTH_BYTES + TYPE_BYTES

/**
 * Packets with the length in front of each, which is not counted in it. It is written here, and not by the framing, so that what leaves together
 * leaves in one piece.
 */
export function packetLayout(maxPacketBytes: number): Layout {
  const prefix = lengthPrefix(TYPE_BYTES)
  return {
    measure: (bytes, at) => {
      const total = prefix.measure(bytes, at)
      if (total === undefined) return undefined
      const length = total - LENGTH_BYTES
      if (length < TYPE_BYTES) throw tooShort(length)
      if (length > maxPacketBytes) throw tooLarge(length, maxPacketBytes, prefix.foreign?.(length))
      return total
    },
  }
}

/** The most that one packet carries. */
export const maxDataBytes = ({ maxItemBytes, maxFrameBytes }: Limits, maxPacketBytes: number): number =>
  Math.min(maxItemBytes, maxFrameBytes - HEADER_BYTES, maxPacketBytes - TYPE_BYTES)

export function packetType(packet: Uint8Array): number {
  return ((packet[LENGTH_BYTES] as number) << 8) | (packet[LENGTH_BYTES + 1] as number)
}

export function packetData(packet: Uint8Array): Uint8Array {
  return packet.subarray(HEADER_BYTES)
}

export function packetOf(type: number, data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(HEADER_BYTES + data.length)
  const view = new DataView(packet.buffer)
  view.setUint32(0, TYPE_BYTES + data.length)
  view.setUint16(LENGTH_BYTES, type)
  packet.set(data, HEADER_BYTES)
  return packet
}

function tooShort(value: number): NetQueueError {
  return new NetQueueError('FRAME_TOO_SHORT', `Expected a packet of at least ${TYPE_BYTES} bytes, got ${value}`, {
    value,
  })
}

function tooLarge(value: number, most: number, foreign: string | undefined): NetQueueError {
  const hint = foreign === undefined ? '' : `: the peer seems to speak ${foreign}`
  const message = `Expected a packet of at most ${most} bytes (maxPacketBytes), got ${value}${hint}`
  return new NetQueueError('FRAME_TOO_LARGE', message, { limit: 'maxPacketBytes', value })
}
