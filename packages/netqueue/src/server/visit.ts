import type { Session } from '../connection/session.ts'
import { Conversation } from '../endpoint/conversation.ts'
import type { ConversationInit, SharedByConversations } from '../endpoint/conversation.ts'
import type { TreeMessage } from '../endpoint/relaying.ts'
import { Link } from '../delivery/link.ts'
import type { LinkInit, LinkOwner, SharedByLinks } from '../delivery/link.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Arrival } from './server-client.ts'

/** Whoever has visits: told what becomes of them. */
export interface VisitOwner {
  /** What all visits share. */
  readonly links: SharedByLinks
  readonly linkOwner: LinkOwner
  readonly conversations: SharedByConversations
  opened(visit: Visit): void
  suspended(visit: Visit, error: NetQueueError): void
  resumed(visit: Visit): void
  /** Something of the client's was settled here, or it is gone. */
  worked(visit: Visit): void
  asked(visit: Visit): void
  changed(visit: Visit): void
  told(visit: Visit, message: TreeMessage): void
  warn(visit: Visit, error: NetQueueError): void
}

/** One session of a server: what is said in it, and whom that concerns. An object, for a dozen functions would cost each client a kilobyte. */
export class Visit implements ConversationInit, LinkInit {
  readonly session: Session
  /** How its client came at first. */
  readonly arrival: Arrival
  readonly link: Link
  readonly conversation: Conversation
  readonly #owner: VisitOwner

  constructor(session: Session, arrival: Arrival, owner: VisitOwner) {
    this.session = session
    this.arrival = arrival
    this.#owner = owner
    this.link = new Link(this)
    this.conversation = new Conversation(this)
  }

  get shared(): SharedByLinks {
    return this.#owner.links
  }

  get owner(): LinkOwner {
    return this.#owner.linkOwner
  }

  get talk(): SharedByConversations {
    return this.#owner.conversations
  }

  wake(): void {
    this.session.wake()
    this.#worked()
  }

  wakeSoon(): void {
    this.session.wakeSoon()
    this.#worked()
  }

  wakeLater(): void {
    this.session.wakeLater()
    this.#worked()
  }

  flush(): void {
    this.session.flush()
  }

  opened(): void {
    this.#owner.opened(this)
  }

  suspended(error: NetQueueError): void {
    this.#owner.suspended(this, error)
  }

  resumed(): void {
    this.#owner.resumed(this)
  }

  ended(): void {
    this.#worked()
  }

  warn(error: NetQueueError): void {
    this.#owner.warn(this, error)
  }

  asked(): void {
    this.#owner.asked(this)
  }

  changed(): void {
    this.#owner.changed(this)
  }

  told(message: TreeMessage): void {
    this.#owner.told(this, message)
  }

  /** The link outlives the session where something of it is in hand here. */
  #worked(): void {
    if (this.session.isOver) this.#owner.worked(this)
  }
}
