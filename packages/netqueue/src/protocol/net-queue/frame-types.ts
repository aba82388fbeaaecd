import { NetQueueError } from '../../errors/errors.ts'

/** The first two bytes of every frame. 1 to 6 are the original's, 16 and up are ours. */
export const FrameType = {
  CONN: 1,
  DISCONN: 2,
  STATUS: 3,
  PING: 4,
  PONG: 5,
  ENQUEUE: 6,
  AUTH: 16,
  WELCOME: 17,
  ERROR: 18,
  BATCH: 19,
  ACK: 20,
} as const

export const TYPE_BYTES = 2

export function frameType(frame: Uint8Array): number {
  return ((frame[0] as number) << 8) | (frame[1] as number)
}

export function frameData(frame: Uint8Array): Uint8Array {
  return frame.subarray(TYPE_BYTES)
}

/** A frame without its length, which the framing puts in front. */
export function frameOf(type: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(TYPE_BYTES + data.length)
  frame[1] = type
  frame.set(data, TYPE_BYTES)
  return frame
}

/** The error for a frame that cannot stand where it came: a type that we know in the wrong place, or one that nobody knows. */
export function unexpected(type: number): NetQueueError {
  const known = Object.entries(FrameType).find(([, value]) => value === type)?.[0]
  if (known === undefined)
    return new NetQueueError('UNKNOWN_TYPE', `The peer sent a frame of type ${type}, which has no meaning`, {
      value: type,
    })
  return new NetQueueError(
    'UNEXPECTED_FRAME',
    `The peer sent a frame of type ${type} (${known}) where it has no place`,
    { value: type },
  )
}
