import { Inflow } from './inflow.ts'
import type { RequestMessage } from './mail.ts'
import type { Side } from './side.ts'
import type { Slot } from './slot.ts'

/** A request with a handler that may read what comes along with it. */
interface Reading {
  readonly side: Side
  readonly name: string
  readonly message: RequestMessage
  readonly slot: Slot
}

/** The stream that comes along with a request: its handler gives its place up while it waits for the peer. */
export function bodyOf({ side, name, message, slot }: Reading): Inflow {
  return new Inflow({
    lanes: side.lanes,
    limits: side.limits,
    channel: message.channel,
    direction: 'body',
    decode: (bytes) => side.vocabulary.decode(name, 'body', bytes),
    waits: () => slot.pause(),
    goesOn: (resume) => slot.enter(resume),
    aborted: () => slot.retake(),
  })
}
