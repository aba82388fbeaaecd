import { Uint8ArrayList } from 'uint8arraylist'
import type { Layout } from '../../framing/layout.ts'
import type { Bytes } from '../../transport/transport.ts'
import { BsuintReader, bsuintBytes, measureBsuint, writeBsuint } from './bsuint.ts'
import { badMessage } from '../failures.ts'

/** What stands in front of a payload, at its longest: the length, tag, flags, channel and type. */
export const MAX_HEAD_BYTES = 40
/** A packet has at least a length, a tag, and flags. */
const MIN_PACKET_BYTES = 3
/** The greatest flags that fit beside what else travels in their number. */
export const MAX_FLAGS: number = 2 ** 50 - 1
/** From this length on, copying costs more than one more piece in a write. */
const REFERRED_BYTES = 4_096

const CHANNEL = 1
const REQUEST = 2
const FLAGS = 4

export interface Asked {
  readonly tag: number
  readonly channel: number
  readonly flags: number
  /** What is asked for, as it stands on the wire: `rq_type` + 1. */
  readonly type: number
  readonly payload: Uint8Array
}

export interface Answered {
  readonly tag: number
  readonly channel: number
  readonly flags: number
  readonly isOk: boolean
  readonly payload: Uint8Array
}

export type Packet =
  | ({ readonly kind: 'request' } & Asked)
  | ({ readonly kind: 'response' } & Answered)
  /** No requests follow; and nothing at all follows. */
  | { readonly kind: 'endOfRequests' | 'end' }

/** Both are requests whose type is 0 on the wire, where those that ask count from 1. */
export const END: Uint8Array = Uint8Array.of(3, 0, REQUEST, 0)
export const END_OF_REQUESTS: Uint8Array = Uint8Array.of(3, 1, REQUEST, 0)
/** The first tag of those that ask: the two ends have those below. */
export const FIRST_TAG = 2

/** How long the packet is that begins here. */
export const layout: Layout = {
  minBytes: MIN_PACKET_BYTES,
  measure: (bytes, at) => {
    const prefix = measureBsuint(bytes, at)
    return prefix && prefix.bytes + prefix.value
  },
}

export function requestPacket({ tag, channel, flags, type, payload }: Asked): Bytes {
  return packetOf([tag, flags * FLAGS + REQUEST + bitOf(channel), ...channelOf(channel), type], payload)
}

export function responsePacket({ tag, channel, flags, isOk, payload }: Answered): Bytes {
  const ok = isOk ? 1 : 0
  return packetOf([tag, (flags * 2 + ok) * FLAGS + bitOf(channel), ...channelOf(channel)], payload)
}

/** Reads the packets in bytes that hold nothing else; throws `BAD_MESSAGE` for what is none. */
export function* readPackets(bytes: Uint8Array): Generator<Packet> {
  for (let at = 0; at < bytes.length;) {
    const prefix = measureBsuint(bytes, at)
    if (prefix === undefined || at + prefix.bytes + prefix.value > bytes.length)
      throw badMessage('a packet that is shorter than it says')
    const start = at + prefix.bytes
    at = start + prefix.value
    yield readPacket(bytes.subarray(start, at))
  }
}

function readPacket(packet: Uint8Array): Packet {
  const reader = new BsuintReader(packet)
  const tag = reader.next()
  const bits = reader.next()
  const channel = bits % 2 === CHANNEL ? reader.next() : 0
  const isRequest = Math.floor(bits / REQUEST) % 2 === 1
  const flags = Math.floor(bits / FLAGS)
  if (isRequest) return requestOf({ tag, channel, flags, type: reader.next(), payload: reader.rest() })
  const isOk = flags % 2 === 1
  return { kind: 'response', tag, channel, flags: Math.floor(flags / 2), isOk, payload: reader.rest() }
}

/** Type 0 is no type of a request, but one of the two ends. */
function requestOf(asked: Asked): Packet {
  const { tag, channel, flags, type, payload } = asked
  if (type > 0) return { kind: 'request', ...asked }
  if (tag >= FIRST_TAG || channel > 0 || flags > 0 || payload.length > 0)
    throw badMessage('a malformed end of the stream', tag)
  return { kind: tag === 1 ? 'endOfRequests' : 'end' }
}

const bitOf = (channel: number): number => (channel === 0 ? 0 : CHANNEL)
const channelOf = (channel: number): number[] => (channel === 0 ? [] : [channel])
const bytesOf = (numbers: readonly number[]): number => numbers.reduce((sum, value) => sum + bsuintBytes(value), 0)

function packetOf(numbers: readonly number[], payload: Uint8Array): Bytes {
  const head = [bytesOf(numbers) + payload.length, ...numbers]
  const isApart = payload.length >= REFERRED_BYTES
  const packet = new Uint8Array(bytesOf(head) + (isApart ? 0 : payload.length))
  let at = 0
  for (const value of head) at = writeBsuint(packet, at, value)
  if (isApart) return new Uint8ArrayList(packet, payload)
  packet.set(payload, at)
  return packet
}
