import { NetQueueError } from '../errors/errors.ts'

/** What a protocol can carry. A call that needs what its protocol lacks fails with `UNSUPPORTED`, naming both. */
export interface Supports {
  /** Items: `put`, and loops over what comes. */
  readonly items: boolean
  /** The receiver says how much it takes; otherwise the sender counts one item while the socket is flushed. */
  readonly credit: boolean
  /** The receiver says what became of an item; otherwise flushed is settled. */
  readonly settle: boolean
  /** Results of `submit` and `map`. */
  readonly result: boolean
  /** Requests and their answers. */
  readonly request: boolean
  /** The streams of requests, in both directions. */
  readonly stream: boolean
  /** Messages that have no answer. */
  readonly message: boolean
  /** What travels beside a payload: of messages, requests and answers, as far as it has those. */
  readonly headers: boolean
  /** It answers a PING however busy it is: one that says nothing for long is gone. */
  readonly heartbeat: boolean
}

const NAMES: Readonly<Record<keyof Supports, string>> = {
  items: 'items',
  credit: 'credit',
  settle: 'settles',
  result: 'results',
  request: 'requests',
  stream: 'streams',
  message: 'messages',
  headers: 'headers',
  heartbeat: 'heartbeats',
}

/** The error for what a protocol does not carry: nothing was sent. */
export function unsupported(protocol: string, feature: keyof Supports): NetQueueError {
  const message = `The protocol ${protocol} does not carry ${NAMES[feature]}`
  return new NetQueueError('UNSUPPORTED', message, { limit: 'protocol', value: feature, delivered: 'no' })
}

/** Throws `UNSUPPORTED` where a protocol lacks something. */
export function checkSupports(protocol: string, supports: Supports, feature: keyof Supports): void {
  if (!supports[feature]) throw unsupported(protocol, feature)
}
