import type { OpenRequests } from '../../message/registry.ts'
import { badMessage } from '../failures.ts'
import { FIRST_TAG } from './frame.ts'
import type { Asked } from './frame.ts'

/** A request of the peer's, as the peer calls it. */
export interface Theirs {
  readonly tag: number
  readonly channel: number
  /** Of its payload. */
  readonly bytes: number
}

/**
 * The requests that are open on one wire, in both directions. The wire has tags of its own: ours count up and are never used again, beside
 * those of messages, which have one too; theirs may be any, in any order, and used again when they were answered. Above the wire each side's
 * requests are counted from 1. No more is kept than is open, and those above the wire bound that.
 */
export class Tags {
  #next = FIRST_TAG
  /** Ours, by their tags on the wire. */
  readonly #ours: Map<number, number> = new Map()
  /** Theirs, by what those above the wire call them. */
  readonly #theirs: Map<number, Theirs> = new Map()
  readonly #taken: Set<number | string> = new Set()
  #count = 0
  /** Of the payloads of those that wait for their answers. */
  #bytes = 0

  /** Requests of ours that the peer has not answered. */
  get isAsking(): boolean {
    return this.#ours.size > 0
  }

  /** Requests of the peer's that wait for their answers. */
  get isAnswering(): boolean {
    return this.#theirs.size > 0
  }

  /** Whether so many of those wait that no more are taken. */
  isFull({ count, bytes }: OpenRequests): boolean {
    return this.#theirs.size >= count || this.#bytes >= bytes
  }

  /** A tag for a message, whose answer nobody waits for. */
  message(): number {
    this.#next += 1
    return this.#next - 1
  }

  /** A tag for a request of ours. */
  ask(tag: number): number {
    const onWire = this.message()
    this.#ours.set(onWire, tag)
    return onWire
  }

  /** Our request that is answered; none for a message, or for one that was answered. Throws `BAD_MESSAGE` for what was never sent. */
  answered(tag: number): number | undefined {
    if (tag < FIRST_TAG || tag >= this.#next) throw badMessage(`a response with tag ${tag}, which was not sent`, tag)
    const ours = this.#ours.get(tag)
    this.#ours.delete(tag)
    return ours
  }

  isTaken(theirs: Pick<Theirs, 'tag' | 'channel'>): boolean {
    return this.#taken.has(keyOf(theirs))
  }

  /** What those above the wire call a request of the peer's. */
  take({ tag, channel, payload: { length: bytes } }: Pick<Asked, 'tag' | 'channel' | 'payload'>): number {
    const theirs = { tag, channel, bytes }
    this.#count += 1
    this.#bytes += bytes
    this.#taken.add(keyOf(theirs))
    this.#theirs.set(this.#count, theirs)
    return this.#count
  }

  /** What the peer calls the request that is answered now; its tag is free. */
  answer(tag: number): Theirs {
    const theirs = this.#theirs.get(tag) as Theirs
    this.#theirs.delete(tag)
    this.#taken.delete(keyOf(theirs))
    this.#bytes -= theirs.bytes
    return theirs
  }
}

const keyOf = ({ tag, channel }: Pick<Theirs, 'tag' | 'channel'>): number | string =>
  channel === 0 ? tag : `${channel}/${tag}`
