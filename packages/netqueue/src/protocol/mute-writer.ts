import type { Writer } from './message.ts'

/** Takes everything and says nothing: what a protocol has words for, its own writer overrides. */
export class MuteWriter implements Writer {
  readonly sentRecords: number = 0

  credit(..._said: Parameters<Writer['credit']>): void {}
  reclaim(): void {}
  cancel(..._said: Parameters<Writer['cancel']>): void {}
  ping(..._said: Parameters<Writer['ping']>): void {}
  pong(..._said: Parameters<Writer['pong']>): void {}
  released(..._said: Parameters<Writer['released']>): boolean {
    return true
  }
  item(..._said: Parameters<Writer['item']>): boolean {
    return true
  }
  /** Taken, all of them: otherwise they would be offered again and again. */
  settle(...[, ranges]: Parameters<Writer['settle']>): boolean {
    ranges.length = 0
    return true
  }
  result(..._said: Parameters<Writer['result']>): boolean {
    return true
  }
  failed(..._said: Parameters<Writer['failed']>): boolean {
    return true
  }
  reject(..._said: Parameters<Writer['reject']>): boolean {
    return true
  }
  extend(..._said: Parameters<Writer['extend']>): boolean {
    return true
  }
  status(..._said: Parameters<Writer['status']>): boolean {
    return true
  }
  goaway(..._said: Parameters<Writer['goaway']>): boolean {
    return true
  }
  request(..._said: Parameters<Writer['request']>): boolean {
    return true
  }
  response(..._said: Parameters<Writer['response']>): boolean {
    return true
  }
  refusal(..._said: Parameters<Writer['refusal']>): boolean {
    return true
  }
  message(..._said: Parameters<Writer['message']>): boolean {
    return true
  }
  chunk(..._said: Parameters<Writer['chunk']>): boolean {
    return true
  }
  chunkCredit(..._said: Parameters<Writer['chunkCredit']>): boolean {
    return true
  }
  chunkEnd(..._said: Parameters<Writer['chunkEnd']>): boolean {
    return true
  }
  endRequests(): boolean {
    return true
  }
  cancelRequest(..._said: Parameters<Writer['cancelRequest']>): void {}
}
