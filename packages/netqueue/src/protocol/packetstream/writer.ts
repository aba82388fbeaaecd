import type { Bytes } from '../../transport/transport.ts'
import { MuteWriter } from '../mute-writer.ts'
import type { Said, SaidInChannel } from '../message.ts'
import type { Batch } from './batch.ts'
import { flagsOf } from './flags.ts'
import { END_OF_REQUESTS, MAX_HEAD_BYTES, requestPacket, responsePacket } from './frame.ts'
import { refusalPayload } from './refusals.ts'
import type { Tags } from './tags.ts'

/** Requests, and answers to those of the peer; a message is a request whose answer nobody waits for. */
export class PacketWriter extends MuteWriter {
  readonly #batch: Batch
  readonly #tags: Tags
  #hasEnded = false

  constructor(batch: Batch, tags: Tags) {
    super()
    this.#batch = batch
    this.#tags = tags
  }

  /** Whether the peer was told that no more requests come. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  override request({ tag, channel, name, headers, payload }: Said<'request'>): boolean {
    return this.#add(payload, () => {
      const flags = flagsOf(headers)
      return requestPacket({ tag: this.#tags.ask(tag), channel, flags, type: name, payload })
    })
  }

  override message({ name, headers, payload }: Said<'message'>): boolean {
    return this.#add(payload, () => {
      const flags = flagsOf(headers)
      return requestPacket({ tag: this.#tags.message(), channel: 0, flags, type: name, payload })
    })
  }

  override response({ tag, headers, payload }: SaidInChannel<'response'>): boolean {
    return this.#add(payload, () =>
      responsePacket({ ...this.#tags.answer(tag), flags: flagsOf(headers), isOk: true, payload }),
    )
  }

  override refusal({ tag, headers, code, reason, isUnbegun = false }: SaidInChannel<'refusal'>): boolean {
    const payload = refusalPayload({ code, reason, isUnbegun })
    return this.#add(payload, () =>
      responsePacket({ ...this.#tags.answer(tag), flags: flagsOf(headers), isOk: false, payload }),
    )
  }

  override endRequests(): boolean {
    this.#hasEnded = true
    this.#batch.add(END_OF_REQUESTS)
    return true
  }

  #add({ length }: Uint8Array, packet: () => Bytes): boolean {
    if (!this.#batch.hasRoom(length + MAX_HEAD_BYTES)) return false
    this.#batch.add(packet())
    return true
  }
}
