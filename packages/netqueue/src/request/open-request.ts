import type { NetQueueError } from '../errors/errors.ts'
import type { Unbegun } from './channel.ts'
import type { RequestMessage } from './mail.ts'

/** A request of the peer, until its answer is on its way and nothing of it is left here. */
export interface OpenRequest extends Unbegun {
  readonly message: RequestMessage
  readonly tag: number
  /** Of the payload. */
  readonly bytes: number
  /** A chunk of the body. Throws for one that was not granted. */
  push(payload: Uint8Array): void
  endBody(error: NetQueueError | undefined): void
  /** The requester has room for chunks of the reply. */
  granted(chunks: number, bytes: number): void
  /** Nobody waits for the answer any more. */
  cancel(reason: NetQueueError): void
  /** Fires the signal of its handler; the answer is still wanted. */
  revoke(reason: NetQueueError): void
  /** There is nobody to answer. */
  close(reason: NetQueueError): void
}
