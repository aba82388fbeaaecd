import type { Session } from '../connection/session.ts'
import { Conversation } from '../endpoint/conversation.ts'
import type { ConversationInit } from '../endpoint/conversation.ts'
import { Link } from '../delivery/link.ts'
import type { LinkOwner } from '../delivery/link.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { SharedByUplinks } from './uplink-owner.ts'

export interface ConverseInit extends Required<Pick<ConversationInit, 'opened' | 'suspended' | 'resumed'>> {
  session: Session
  shared: Pick<SharedByUplinks, 'link' | 'talk' | 'puts'>
  /** The server says what it is like, or that it drains. */
  status: (status: unknown) => void
  goaway: (code: string, reason: string) => void
  closed: LinkOwner['closed']
  told: NonNullable<ConversationInit['told']>
  /** Something may have come to an end. */
  worked: () => void
  warn: (error: NetQueueError) => void
}

/** A client's side of a session with a server: items on a link of its own, and the requests and messages that it shares. */
export function converse(init: ConverseInit): Conversation {
  const { session, shared, opened, suspended, resumed, told, worked, warn } = init
  const flush = (): void => session.flush()
  const link = new Link({
    shared: shared.link,
    owner: ownerOf(init),
    wake: () => {
      session.wake()
      worked()
    },
    wakeLater: () => {
      session.wakeLater()
      worked()
    },
    flush,
  })
  const talk = shared.talk.shared
  return new Conversation({
    link,
    talk,
    opened,
    suspended,
    resumed,
    wake: () => session.wake(),
    wakeSoon: () => session.wakeSoon(),
    flush,
    warn,
    asked: () => {},
    changed: worked,
    told,
  })
}

function ownerOf({ shared: { puts }, status, goaway, closed, worked, warn }: ConverseInit): LinkOwner {
  return {
    changed: () => {
      puts.advance()
      worked()
    },
    settled: (link, entry, settlement) => puts.settled(entry, link.id, settlement),
    status: (_link, value) => status(value),
    goaway: (_link, code, reason) => goaway(code, reason),
    closed,
    warn,
  }
}
