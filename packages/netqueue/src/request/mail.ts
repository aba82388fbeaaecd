import type { Message, Writer } from '../protocol/message.ts'
import type { Linked } from '../queue/linked-list.ts'

/** What an exchange says to a peer: the part of a protocol's writer that it uses. */
export type ExchangeWriter = Pick<
  Writer,
  | 'request'
  | 'response'
  | 'refusal'
  | 'message'
  | 'chunk'
  | 'chunkCredit'
  | 'chunkEnd'
  | 'endRequests'
  | 'cancelRequest'
>

/** What a peer says to an exchange. */
export type ExchangeMessage = Extract<Message, { type: keyof ExchangeWriter }>

export type RequestMessage = Extract<ExchangeMessage, { type: 'request' }>

/** Something that waits to be written, in a lane; it can leave at any time before that. */
export interface Mail extends Linked {
  /** Writes one record; `false` when there is no room for it in this frame, and nothing was taken. */
  write(writer: ExchangeWriter): boolean
}
