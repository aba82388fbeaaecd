import type { Conversation } from './conversation.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Message, Writer } from '../protocol/message.ts'
import type { Finder } from '../request/finder.ts'

/** Where a relay's options of a client, and of a server, have what makes them one. */
export const RELAYING: unique symbol = Symbol('relaying')

/** What is told of a tree. */
export type TreeMessage = Extract<Message, { type: 'ancestry' | 'nodes' | 'names' | 'longest' }>

/** What a peer is to be told of the tree. */
export interface TreeMail {
  /** Writes what has changed, as far as it fits. */
  fill(writer: Writer): boolean
}

/** What makes one side of a relay more than a client or a server. */
export interface Relaying {
  /** Finds somebody on the other side for what comes on this one. */
  readonly finder: Finder
  /** Somebody is there: what it is to be told of the tree from now on. */
  opened(conversation: Conversation): TreeMail | undefined
  /** It told something. Throws `LOOP` where the tree would go round. */
  heard(conversation: Conversation, message: TreeMessage): void
  /** How long the way to it takes was measured. */
  measured?(conversation: Conversation): void
  /** It is gone. */
  ended(conversation: Conversation): void
}

/** What is told of a tree where it has no place. */
export function untimely({ type }: TreeMessage): NetQueueError {
  return new NetQueueError('BAD_MESSAGE', `The peer told its ${type}, which are not its to tell here`)
}
