import { checkInteger, checkIterable, checkString } from '../errors/check.ts'
import type { Headers } from '../message/headers.ts'
import type { Path } from '../message/route.ts'
import { checkWait } from '../queue/pending.ts'
import type { WaitOptions } from '../queue/pending.ts'
import type { Chunks } from './outflow.ts'

export interface RequestOptions<Chunk = unknown> extends WaitOptions {
  /** Milliseconds until the call gives up. @default requestTimeoutMs of `limits` (30 s); for `stream` Infinity */
  timeout?: number | undefined
  /** What goes beside the payload. */
  headers?: Headers | undefined
  /** 0 to 255: requests of one channel begin in order, and do not wait for those of another. @default 0 */
  channel?: number | undefined
  /** A stream that goes along with the request, as fast as the handler reads it. */
  body?: Chunks<Chunk> | undefined
  /** What to call it in the trace of this side; it is not sent. @default nothing */
  label?: string | undefined
  /** @internal The way from the peer down to whom it is for. */
  path?: Path | undefined
}

const MAX_CHANNEL = 255

/** Throws for options that no request can have. */
export function checkRequest(options: RequestOptions): void {
  const { channel = 0, body, label } = options
  checkWait(options)
  checkInteger('channel', channel, 0, MAX_CHANNEL)
  if (body !== undefined) checkBody(body)
  if (label !== undefined) checkString('label', label)
}

function checkBody(body: unknown): void {
  checkIterable('body', body)
  if (typeof body === 'string' || ArrayBuffer.isView(body))
    throw new TypeError('Expected `body` to be an iterable of chunks, got one chunk: put it into a list')
}
