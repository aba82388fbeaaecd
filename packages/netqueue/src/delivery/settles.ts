import type { Outcome, Writer } from '../protocol/message.ts'
import { Ring } from '../queue/ring.ts'

export type Answer =
  | { kind: 'result'; seq: number; value: Uint8Array | undefined }
  | { kind: 'failed'; seq: number; code: string; reason: string }
  | { kind: 'reject'; seq: number; code: string; reason: string }

interface Range {
  kind: 'settle'
  outcome: Outcome
  first: number
  length: number
  /** The ordinal with which the range began. */
  opened: number
}

/** What waits to be written, and the last put of this side that it must not overtake. */
type Due = (Range & { ordinal: number }) | { kind: 'answer'; answer: Answer; ordinal: number }

/** A range does not grow over more puts than this, or a side that puts without pause would never get to settle. */
const MAX_ORDINALS_IN_RANGE = 64

/** The settles of one link that are not on the wire yet, in order and in as few ranges as they make. */
export class Settles {
  readonly #due: Ring<Due> = new Ring()
  readonly #lastOrdinal: () => number
  #last: (Range & { ordinal: number }) | undefined
  #answers = 0
  #bytes = 0
  #begun: { outcome: Outcome; ranges: number[] } | undefined
  /** Items whose time is to be renewed. */
  #extended: Set<number> | undefined

  constructor(lastOrdinal: () => number) {
    this.#lastOrdinal = lastOrdinal
  }

  add(seq: number, outcome: Outcome): void {
    const ordinal = this.#lastOrdinal()
    const last = this.#last
    if (
      last !== undefined &&
      last.outcome === outcome &&
      last.first + last.length === seq &&
      ordinal - last.opened < MAX_ORDINALS_IN_RANGE
    ) {
      last.length += 1
      last.ordinal = ordinal
      return
    }
    this.#last = { kind: 'settle', outcome, first: seq, length: 1, ordinal, opened: ordinal }
    this.#due.push(this.#last)
  }

  answer(answer: Answer): void {
    this.#last = undefined
    this.#bytes += bytesOf(answer)
    this.#answers += 1
    this.#due.push({ kind: 'answer', answer, ordinal: this.#lastOrdinal() })
  }

  /** Asks for more time. It need not wait for puts, and goes before all settles: the item's own may be among them. */
  extend(seq: number): void {
    this.#extended ??= new Set()
    this.#extended.add(seq)
  }

  /** Answers that are not written. */
  get answers(): number {
    return this.#answers
  }

  /** Bytes of their results and reasons. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#begun === undefined && this.#due.size === 0
  }

  /** The items that were given back and are not on the wire; `wasStarted` tells a release from a return. */
  *givenBack(): Generator<{ seq: number; wasStarted: boolean }> {
    const { outcome, ranges = [] } = this.#begun ?? {}
    for (let index = 0; index < ranges.length; index += 2)
      yield* numbers(outcome, ranges[index] as number, ranges[index + 1] as number)
    for (const due of this.#due) {
      if (due.kind === 'settle') yield* numbers(due.outcome, due.first, due.length)
      else if (due.answer.kind === 'failed') yield { seq: due.answer.seq, wasStarted: true }
    }
  }

  /** Writes what is older than the oldest put that is not on the wire; `false` when the frame is full first. */
  fill(writer: Writer, oldestOrdinal: number): boolean {
    if (this.#extended !== undefined && !this.#fillExtended(writer, this.#extended)) return false
    for (;;) {
      if (!this.#flush(writer)) return false
      const due = this.#due.at(0)
      if (due === undefined || due.ordinal >= oldestOrdinal) return true
      if (due.kind === 'settle') this.#gather(due, oldestOrdinal)
      else if (!write(writer, due.answer)) return false
      else this.#written(due.answer)
    }
  }

  #fillExtended(writer: Writer, extended: Set<number>): boolean {
    for (const seq of extended) {
      if (!writer.extend(seq)) return false
      extended.delete(seq)
    }
    return true
  }

  #written(answer: Answer): void {
    this.#bytes -= bytesOf(answer)
    this.#answers -= 1
    this.#due.shift()
  }

  /** Takes the ranges at the head that share an outcome. */
  #gather({ outcome }: Range, oldestOrdinal: number): void {
    const ranges: number[] = []
    for (
      let due = this.#due.at(0);
      due?.kind === 'settle' && due.outcome === outcome && due.ordinal < oldestOrdinal;
      due = this.#due.at(0)
    ) {
      this.#due.shift()
      if (due === this.#last) this.#last = undefined
      const end = ranges.length - 2
      if (end >= 0 && (ranges[end] as number) + (ranges[end + 1] as number) === due.first)
        ranges[end + 1] = (ranges[end + 1] as number) + due.length
      else ranges.push(due.first, due.length)
    }
    this.#begun = { outcome, ranges }
  }

  #flush(writer: Writer): boolean {
    if (this.#begun === undefined) return true
    if (!writer.settle(this.#begun.outcome, this.#begun.ranges)) return false
    this.#begun = undefined
    return true
  }
}

function* numbers(outcome: Outcome | undefined, first: number, length: number) {
  if (outcome !== 'released' && outcome !== 'returned') return
  for (let seq = first; seq < first + length; seq += 1) yield { seq, wasStarted: outcome === 'released' }
}

function bytesOf(answer: Answer): number {
  if (answer.kind === 'result') return answer.value?.length ?? 0
  return answer.reason.length
}

function write(writer: Writer, answer: Answer): boolean {
  switch (answer.kind) {
    case 'result':
      return writer.result(answer.seq, answer.value)
    case 'failed':
      return writer.failed(answer.seq, answer.code, answer.reason)
    case 'reject':
      return writer.reject(answer.seq, answer.code, answer.reason)
  }
}
