import { NetQueueError } from '../../errors/errors.ts'
import type { Denials } from '../../message/denials.ts'
import type { Registry } from '../../message/registry.ts'
import type { Limits } from '../../options/limits.ts'
import type { Bytes } from '../../transport/transport.ts'
import { itemTooLarge } from '../failures.ts'
import { FlushedItems } from '../flushed-items.ts'
import { listed } from '../payloads.ts'
import type { Message, Writer } from '../message.ts'
import type { ErrorNotice, Peer, Wire } from '../wire.ts'
import { maxDataBytes, packetData, packetType, PACKETMQ, PacketType } from './frame.ts'
import { decodeReason, encodeSoftquit } from './packets.ts'
import { endOf, reasonOf, RESTART_REASON } from './reasons.ts'
import type { PacketmqSettings } from './settings.ts'
import { firstValue } from './value.ts'
import { PacketmqWriter } from './writer.ts'

export interface PacketmqWireInit {
  /** The peer's. */
  id: string
  limits: Limits
  registry: Registry
  denials: Denials | undefined
  settings: PacketmqSettings
}

/** packetmq, once both sides are active: each packet is a message, and nothing answers it. */
export class PacketmqWire implements Wire {
  readonly peer: Peer
  readonly typed = true
  readonly endsWithHearer = true
  readonly isPatient = true
  readonly #init: PacketmqWireInit
  readonly #writer: PacketmqWriter
  readonly #flushed = new FlushedItems()
  #received = 0
  #hasHeard = false

  constructor(init: PacketmqWireInit) {
    const { id, limits, registry, denials, settings } = init
    this.#init = init
    this.#writer = new PacketmqWriter(settings.items === undefined ? undefined : registry.idOf(settings.items))
    this.peer = {
      id,
      tags: [],
      status: undefined,
      isPaced: false,
      protocol: PACKETMQ,
      supports: settings.supports,
      maxItemBytes: maxDataBytes(limits, settings.maxPacketBytes),
      maxUnsettled: limits.maxUnsettled,
      registry,
      denied: denials,
    }
  }

  /** There are no sessions: nothing is counted. */
  decode(pieces: Bytes, take: (message: Message) => void): false {
    this.#read(pieces.subarray(), take)
    return false
  }

  encode(fill: (writer: Writer) => void): Uint8Array | undefined {
    return this.#writer.next(fill)
  }

  /** Whoever hears the goodbye does not answer it. */
  disconnect(): Uint8Array | undefined {
    return this.#hasHeard ? undefined : encodeSoftquit(this.#writer.reason)
  }

  error(notice: ErrorNotice): Uint8Array {
    return encodeSoftquit(reasonOf(notice))
  }

  flushed(take: (message: Message) => void): void {
    if (this.peer.supports.items) this.#flushed.tell(this.#writer.items, take)
  }

  carry(_item: unknown, payload: Uint8Array): Uint8Array {
    return payload
  }

  #read(frame: Uint8Array, take: (message: Message) => void): void {
    const type = packetType(frame)
    if (type === PacketType.SOFTQUIT) return this.#left(frame, take)
    const name = this.#init.registry.nameOf(type)
    if (name === undefined) throw unexpected(type)
    const { maxItemBytes } = this.#init.limits
    const data = packetData(frame)
    if (data.length > maxItemBytes) throw itemTooLarge(data.length, maxItemBytes, 'a packet')
    const payload = firstValue(data)
    if (name === this.#init.settings.items) return this.#item(payload, take)
    take({ type: 'message', name: type, headers: undefined, payload })
  }

  #item(payload: Uint8Array, take: (message: Message) => void): void {
    this.#received += 1
    take({ type: 'items', first: this.#received, attempt: 1, wantsResult: false, payloads: listed([payload]) })
  }

  /** It leaves, and still takes what is said to it in this moment. */
  #left(frame: Uint8Array, take: (message: Message) => void): void {
    this.#hasHeard = true
    this.#writer.leave()
    const reason = decodeReason(frame)
    const end = endOf(reason)
    if (end.type === 'disconnect')
      take({ type: 'goaway', code: reason === RESTART_REASON ? 'RESTART' : 'CLOSED', reason })
    take(end)
  }
}

/** The error for a packet that cannot stand where it came, or that nobody has announced. */
export function unexpected(type: number): NetQueueError {
  const isOurs = Object.values<number>(PacketType).includes(type)
  const what = isOurs ? 'where it has no place' : 'which it has not announced'
  const message = `The peer sent a packet with id ${type} ${what}`
  return new NetQueueError(isOurs ? 'UNEXPECTED_FRAME' : 'UNKNOWN_TYPE', message, { value: type })
}
