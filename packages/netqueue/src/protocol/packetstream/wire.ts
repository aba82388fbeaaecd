import type { Headers } from '../../message/headers.ts'
import { USUAL_REQUESTS } from '../../message/registry.ts'
import type { OwnMessages } from '../../message/registry.ts'
import { Holdup } from '../../queue/holdup.ts'
import type { Bytes } from '../../transport/transport.ts'
import { itemTooLarge } from '../failures.ts'
import { apart } from '../payloads.ts'
import type { Message, Writer } from '../message.ts'
import type { Peer, Wire } from '../wire.ts'
import { Answers } from './answers.ts'
import { Batch } from './batch.ts'
import { headersOfFlags } from './flags.ts'
import { END, END_OF_REQUESTS, readPackets } from './frame.ts'
import type { Answered, Asked, Packet } from './frame.ts'
import { PacketWriter } from './writer.ts'
import { AFTER_END, NO_HANDLER, readRefusal, tagInUse, UNKNOWN_CHANNEL } from './refusals.ts'
import { Tags } from './tags.ts'

type Take = (message: Message) => void

/** The greatest channel that this side has. */
const MAX_CHANNEL = 255
const NOTHING = new Uint8Array(0)
const encoder = new TextEncoder()

/** Requests both ways, from the first byte on: nobody says who he is. */
export class PacketstreamWire implements Wire {
  readonly peer: Peer
  readonly typed = true
  readonly #messages: OwnMessages
  readonly #tags = new Tags()
  readonly #batch = new Batch()
  readonly #answers = new Answers()
  readonly #writer: PacketWriter = new PacketWriter(this.#batch, this.#tags)
  /** The peer sends no more requests. */
  #hasPeerEnded = false
  /** It has said its last word, and waits for answers. */
  #parting: Holdup | undefined
  /** Whoever reads waits for room. */
  #holdup: Holdup | undefined

  constructor(peer: Peer, messages: OwnMessages) {
    this.peer = peer
    this.#messages = messages
  }

  /** Whether there are answers that nobody above gives. */
  get isDue(): boolean {
    return !this.#answers.isEmpty
  }

  get parting(): Promise<void> | undefined {
    return this.#parting?.over
  }

  /**
   * A side of the original sends requests as fast as they are taken, and cannot be told how many may be open: beyond that it has to wait, as
   * TCP has it wait. Not while it owes us answers, which may stand behind those requests: those that are too many are refused then.
   */
  get full(): Promise<void> | undefined {
    if (!this.#isFull()) return undefined
    return (this.#holdup ??= new Holdup()).over
  }

  /** Nothing is counted: there are no sessions. */
  decode(frame: Bytes, take: Take): false {
    for (const packet of readPackets(frame.subarray())) this.#read(packet, take)
    return false
  }

  encode(fill: (writer: Writer) => void): Bytes | undefined {
    this.#answers.write(this.#batch)
    fill(this.#writer)
    const frame = this.#batch.take()
    if (frame === undefined && !this.#isAnswering()) this.#parting?.end()
    if (!this.#isFull()) this.#readOn()
    return frame
  }

  /** The end of requests stands before the end of everything, whoever said it. */
  disconnect(): Uint8Array {
    this.#readOn()
    return this.#writer.hasEnded ? END : BOTH_ENDS
  }

  error(): Uint8Array {
    return this.disconnect()
  }

  carry(): undefined {
    return undefined
  }

  #isAnswering(): boolean {
    return this.#tags.isAnswering || this.isDue
  }

  #isFull(): boolean {
    return !this.#tags.isAsking && this.#tags.isFull(this.#messages.open ?? USUAL_REQUESTS)
  }

  #readOn(): void {
    this.#holdup?.end()
    this.#holdup = undefined
  }

  #read(packet: Packet, take: Take): void {
    switch (packet.kind) {
      case 'request':
        return this.#asked(packet, take)
      case 'response':
        return this.#answered(packet, take)
      case 'endOfRequests':
        return this.#endRequests(take)
      case 'end':
        return this.#end(take)
    }
  }

  #asked(asked: Asked, take: Take): void {
    const { channel, type, flags } = asked
    const refusal = this.#objection(asked)
    if (refusal !== undefined) return this.#answer(asked, false, encoder.encode(refusal))
    const content = { headers: headersOfFlags(flags), payload: this.#payload(asked) }
    if (this.#entry(type)?.isRequest === true) {
      const tag = this.#tags.take(asked)
      return take({ type: 'request', tag, channel, name: type, deadlineMs: undefined, hasBody: false, ...content })
    }
    this.#answer(asked, true, NOTHING)
    take({ type: 'message', name: type, ...content })
  }

  /** Why a request goes no further, as the original says it. */
  #objection(asked: Asked): string | undefined {
    const { channel, tag, type } = asked
    if (channel > MAX_CHANNEL) return UNKNOWN_CHANNEL
    if (this.#hasPeerEnded) return AFTER_END
    if (this.#tags.isTaken(asked)) return tagInUse(channel, tag)
    return this.#entry(type) === undefined ? NO_HANDLER : undefined
  }

  #entry(type: number): { readonly isRequest: boolean } | undefined {
    const name = this.peer.registry?.nameOf(type)
    return name === undefined ? undefined : this.#messages.table.byName.get(name)
  }

  #answered(answered: Answered, take: Take): void {
    const tag = this.#tags.answered(answered.tag)
    if (tag === undefined) return
    const headers: Headers | undefined = headersOfFlags(answered.flags)
    const payload = this.#payload(answered)
    if (answered.isOk) return take({ type: 'response', tag, headers, hasStream: false, payload })
    take({ type: 'refusal', tag, headers, ...readRefusal(payload) })
  }

  /** Said once more, it changes nothing. */
  #endRequests(take: Take): void {
    if (this.#hasPeerEnded) return
    this.#hasPeerEnded = true
    take({ type: 'endRequests' })
  }

  #end(take: Take): void {
    this.#endRequests(take)
    if (!this.#isAnswering()) return take({ type: 'disconnect' })
    this.#parting = new Holdup()
    take({ type: 'endReplies' })
  }

  #answer({ tag, channel }: Asked, isOk: boolean, payload: Uint8Array): void {
    this.#answers.add({ tag, channel, flags: 0, isOk, payload })
  }

  #payload({ payload }: { payload: Uint8Array }): Uint8Array {
    const { maxItemBytes } = this.peer
    if (payload.length <= maxItemBytes) return apart(payload)
    throw itemTooLarge(payload.length, maxItemBytes, 'a payload')
  }
}

const BOTH_ENDS = Uint8Array.of(...END_OF_REQUESTS, ...END)
