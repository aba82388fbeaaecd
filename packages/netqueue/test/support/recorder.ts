import type { Outcome, Writer } from '../../src/protocol/protocol.ts'

/** What one call of a writer would have put on the wire: its name, then its arguments. */
export type Written = [kind: string, ...values: unknown[]]

/** A writer that notes what it is given. Records other than control take a place each; beyond `places` the frame is full. */
export class Recorder implements Writer {
  readonly written: Written[] = []
  #places: number

  constructor(places: number = Number.POSITIVE_INFINITY) {
    this.#places = places
  }

  credit(limit: number, byteLimit: number, received: number): void {
    this.written.push(['credit', limit, byteLimit, received])
  }

  reclaim(): void {
    this.written.push(['reclaim'])
  }

  cancel(seq: number): boolean {
    this.written.push(['cancel', seq])
    return true
  }

  ping(token: number): void {
    this.written.push(['ping', token])
  }

  pong(token: number): void {
    this.written.push(['pong', token])
  }

  released(first: number, last: number, bytes: number): boolean {
    return this.#write('released', first, last, bytes)
  }

  item(seq: number, _payload: Uint8Array, attempt: number, wantsResult: boolean): boolean {
    return this.#write('item', seq, attempt, ...(wantsResult ? ['wants a result'] : []))
  }

  settle(outcome: Outcome, ranges: number[]): boolean {
    return this.#write('settle', outcome, ...ranges)
  }

  result(seq: number, value: Uint8Array | undefined): boolean {
    return this.#write('result', seq, value === undefined ? undefined : [...value])
  }

  failed(seq: number, code: string, reason: string): boolean {
    return this.#write('failed', seq, code, reason)
  }

  reject(seq: number, code: string, reason: string): boolean {
    return this.#write('reject', seq, code, reason)
  }

  extend(seq: number): boolean {
    return this.#write('extend', seq)
  }

  status(value: unknown): boolean {
    return this.#write('status', value)
  }

  goaway(code: string): boolean {
    return this.#write('goaway', code)
  }

  #write(...written: Written): boolean {
    if (this.#places <= 0) return false
    this.#places -= 1
    this.written.push(written)
    return true
  }
}
