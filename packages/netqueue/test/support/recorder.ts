import type { Outcome, Said, SaidInChannel, Writer } from '../../src/protocol/message.ts'

/** What one call of a writer would have put on the wire: its name, then its arguments. */
export type Written = [kind: string, ...values: unknown[]]

/** A writer that notes what it is given. Records other than control take a place each; beyond `places` the frame is full. */
export class Recorder implements Writer {
  readonly sentRecords = 0
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

  request(request: Said<'request'>): boolean {
    return this.#write('request', request)
  }

  response(response: SaidInChannel<'response'>): boolean {
    return this.#write('response', response)
  }

  refusal(refusal: SaidInChannel<'refusal'>): boolean {
    return this.#write('refusal', refusal)
  }

  message(message: Said<'message'>): boolean {
    return this.#write('message', message)
  }

  chunk(chunk: SaidInChannel<'chunk'>): boolean {
    return this.#write('chunk', chunk)
  }

  chunkCredit(credit: SaidInChannel<'chunkCredit'>): boolean {
    return this.#write('chunkCredit', credit)
  }

  chunkEnd(end: SaidInChannel<'chunkEnd'>): boolean {
    return this.#write('chunkEnd', end)
  }

  endRequests(): boolean {
    return this.#write('endRequests')
  }

  cancelRequest({ tag }: Said<'cancelRequest'>): void {
    this.written.push(['cancelRequest', tag])
  }

  #write(...written: Written): boolean {
    if (this.#places <= 0) return false
    this.#places -= 1
    this.written.push(written)
    return true
  }
}
