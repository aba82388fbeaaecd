/**
 * Every code that a {@link NetQueueError} can carry. Codes are stable; messages are for people and may change.
 * `docs/errors.md` has a heading for each.
 */
export type ErrorCode =
  | 'ABORTED'
  | 'AUTH_FAILED'
  | 'AUTH_REQUIRED'
  | 'BAD_MESSAGE'
  | 'CANCELLED'
  | 'CLIENT_GONE'
  | 'CLOSED'
  | 'CODEC_MISMATCH'
  | 'CONNECTION_LOST'
  | 'CONNECT_FAILED'
  | 'CREDIT_EXCEEDED'
  | 'DEAD_LETTER'
  | 'DECODE_FAILED'
  | 'DISPATCH_FAILED'
  | 'DRAIN_INCOMPLETE'
  | 'ENCODE_FAILED'
  | 'EVENTS_DROPPED'
  | 'FRAME_TIMEOUT'
  | 'FRAME_TOO_LARGE'
  | 'FRAME_TOO_SHORT'
  | 'FRAME_TRUNCATED'
  | 'HANDLER_FAILED'
  | 'HANDSHAKE_TIMEOUT'
  | 'ID_IN_USE'
  | 'INBOX_OVERFLOW'
  | 'INBOX_UNREAD'
  | 'INSECURE_LISTEN'
  | 'ITEM_TOO_LARGE'
  | 'ITERATOR_BUSY'
  | 'LISTEN_FAILED'
  | 'LOOP'
  | 'MESSAGES_MISMATCH'
  | 'MESSAGE_DROPPED'
  | 'NOT_AUTHORIZED'
  | 'NO_RESULT'
  | 'PROTOCOL_MISMATCH'
  | 'QUEUE_CLOSED'
  | 'QUEUE_EMPTY'
  | 'QUEUE_FULL'
  | 'RATE_EXCEEDED'
  | 'REMOTE_ERROR'
  | 'REPLY_STREAMED'
  | 'RESULT_UNCLAIMED'
  | 'SETTLE_TIMEOUT'
  | 'SLOW_PEER'
  | 'STALE_SETTLE'
  | 'STALLED'
  | 'TIMEOUT'
  | 'TOO_MANY_CONNECTIONS'
  | 'TREE_TOO_LARGE'
  | 'UNEXPECTED_FRAME'
  | 'UNKNOWN_TYPE'
  | 'UNSETTLED_LIMIT'
  | 'UNSUPPORTED'
  | 'VERSION_MISMATCH'
  | 'WORKER_FAILED'

/** What an error carries beside its code and message. */
export interface ErrorDetails {
  /** The option or rule that was exceeded, by its public name. */
  limit?: string
  /** The value that was refused. */
  value?: unknown
  /** Whether the item or the request that a failed call was about may have reached a handler. */
  delivered?: 'no' | 'maybe'
  /** What was left undone, where the code has such a list. */
  undone?: readonly unknown[]
  cause?: unknown
}

/** The one base class of what netqueue throws; branch on `code`. Wrong arguments are `TypeError` and `RangeError` instead. */
export class NetQueueError extends Error {
  override name = 'NetQueueError'
  readonly code: ErrorCode
  // Declared only: a field that an error does not have is not printed with it.
  declare readonly limit?: string
  declare readonly value?: unknown
  declare readonly delivered?: 'no' | 'maybe'
  declare readonly undone?: readonly unknown[]

  constructor(code: ErrorCode, message: string, { cause, ...details }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    Object.assign(this, details)
  }
}

/**
 * A handler at the other end failed, or that end refused a request. Carries the code that the other end gave, and its text only
 * where that end was started with `exposeErrors`; never a stack.
 */
export class RemoteError extends NetQueueError {
  override name = 'RemoteError'
  /** The `code` of the error that the handler threw, or `HANDLER_FAILED`; or what the other end says itself: `UNKNOWN_REQUEST`, `CLOSED` … */
  readonly remoteCode: string
  /** The text of the error that the handler threw, where the other end exposes it. */
  declare readonly reason?: string
  /** What the handler of a request had set to go beside its answer. */
  declare readonly headers?: Readonly<Record<string, string | null>>

  constructor(remoteCode: string, details: Pick<RemoteError, 'reason' | 'headers' | 'delivered'> = {}) {
    super('REMOTE_ERROR', `The other end answered with the error code ${JSON.stringify(remoteCode)}`)
    this.remoteCode = remoteCode
    Object.assign(this, details)
  }
}
