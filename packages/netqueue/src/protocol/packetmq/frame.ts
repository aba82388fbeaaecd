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

export const TYPE_BYTES = 2

export function frameType(frame: Uint8Array): number {
  return ((frame[0] as number) << 8) | (frame[1] as number)
}

export function frameData(frame: Uint8Array): Uint8Array {
  return frame.subarray(TYPE_BYTES)
}

/** A frame without its length, which the framing puts in front. */
export function frameOf(type: number, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(TYPE_BYTES + data.length)
  frame[0] = type >> 8
  frame[1] = type & 0xff
  frame.set(data, TYPE_BYTES)
  return frame
}
