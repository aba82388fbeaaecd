import { NetQueueError } from '../errors/errors.ts'

/** A frame, or a part of one, that means nothing. `what` is ours, never a word of the peer's. */
export function badMessage(what: string, value?: unknown, cause?: unknown): NetQueueError {
  return new NetQueueError('BAD_MESSAGE', `The peer sent ${what}`, { ...(value !== undefined && { value }), cause })
}

/** Something longer than this side takes. */
export function itemTooLarge(bytes: number, maxItemBytes: number, what: string = 'an item'): NetQueueError {
  const message = `The peer sent ${what} of ${bytes} bytes; at most ${maxItemBytes} are taken (maxItemBytes)`
  return new NetQueueError('ITEM_TOO_LARGE', message, { limit: 'maxItemBytes', value: bytes })
}
