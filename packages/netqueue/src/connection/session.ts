import { NetQueueError } from '../errors/errors.ts'
import type { Applicant, Claim, Role, Ticket } from '../protocol/handshake.ts'
import type { Message, PeerEnd, Writer } from '../protocol/message.ts'
import type { Wire } from '../protocol/wire.ts'
import type { Deadlines } from '../queue/deadlines.ts'
import type { Bytes } from '../transport/transport.ts'
import { Replay } from './replay.ts'
import { Tickets } from './tickets.ts'

/**
 * What a session is for: it is told what the peer says, asked what to say, and told of the end. All of it is synchronous. It need not know
 * that connections come and go: what it said and what it hears is one conversation, without a gap and without a repeat.
 */
export interface SessionUser {
  /** Both sides know each other; called once, before anything else. */
  opened(wire: Wire): void
  /** Set while a peer that may be left unread ({@link Wire.isPatient}) has as much here as is kept: resolves when there is room. */
  readonly full?: Promise<void> | undefined
  /** Throws a coded error for a message that the peer must not send; the session then ends with it. */
  take(message: Message): void
  /** Writes what is due into the frame that leaves next; tells whether that is all. It is asked again where it is not, and when it wakes the session. */
  fill(writer: Writer): boolean
  /** Asks the peer for a message, to see that it is alive. */
  ping(): void
  /** The connection was lost, and the session waits for another one. Nothing is heard, nor asked for, until {@link resumed} or {@link closed}. */
  suspended(error: NetQueueError): void
  /** The session goes on with another connection, where it was. */
  resumed(): void
  /** The last call: nothing more is sent or received. No error: both sides had said goodbye. */
  closed(error: NetQueueError | undefined): void
}

/** The connection of a session, as the session sees it. */
export interface Carrier {
  /** It is for this session from now on. */
  opened(session: Session): void
  /** Something is to be sent: what this turn still adds leaves in the same frame. */
  wake(): void
  /** Something is to be sent that follows from what is being read: it leaves as soon as that was looked at. */
  wakeSoon(): void
  /** Something is to be sent that nobody waits for: it shares a frame with all that what has arrived brings about. */
  wakeLater(): void
  /** A frame's worth is to be sent: it leaves now, while this turn goes on. */
  flush(): void
  end(): void
  cut(error?: NetQueueError): void
  lose(error: NetQueueError): void
  /** The peer has said that this is the end. */
  endedByPeer(end: PeerEnd): void
}

export interface SessionInit {
  role: Role
  wire: Wire
  /** By which the client can come again; none where the protocol or the server has no such thing. */
  ticket: Ticket | undefined
  /** Bytes that are kept at most until the peer has taken them. */
  maxReplayBytes: number
  deadlines: Deadlines
}

/**
 * What outlives a connection: who the peer is, what either side has half sent, and how far both are. Where the server keeps sessions (its
 * `resumeTimeoutMs`), a session whose connection is lost waits for another one and goes on with it: the frames that the peer has not taken
 * leave again, so that nothing above this knows of it. In all others nothing is kept, and the session ends with its connection.
 *
 * A client that connects again gives its session to {@link ConnectionInit.previous}, whether or not it is over: one that waits goes on, or
 * is over before the new one begins; one that is over at least proves that the client's id is its own.
 */
export class Session {
  readonly wire: Wire
  readonly #tickets: Tickets
  #user: SessionUser | undefined
  #carrier: Carrier | undefined
  /** Where the session can outlive its connection. */
  #replay: Replay | undefined
  #isOver = false
  #loss: NetQueueError | undefined
  readonly #take = (message: Message): void => this.#message(message)
  /** The user has nothing more to say. */
  #isAllSaid = false
  readonly #fill = (writer: Writer): void => {
    this.#isAllSaid = this.#user?.fill(writer) !== false
  }

  constructor(init: SessionInit) {
    const { ticket, role, maxReplayBytes, deadlines } = init
    this.wire = init.wire
    this.#tickets = new Tickets(ticket)
    if (this.resumeMs === 0) return
    const due = (): void => this.#carrier?.wake()
    this.#replay = new Replay({ isOfClient: role === 'client', maxBytes: maxReplayBytes, deadlines, due })
  }

  /** How the server calls it; none where it has no ticket. */
  get name(): string | undefined {
    return this.#tickets.present?.session
  }

  /** Milliseconds for which the server keeps the session when it has lost the connection; 0: it ends with it. */
  get resumeMs(): number {
    return this.#tickets.resumeMs
  }

  /** Whether the connection was lost, and another one can go on with the session. */
  get isSuspended(): boolean {
    return !this.#isOver && this.#carrier === undefined
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Client: what proves, at the next connection, that this session was its own; none where the server has no such thing. */
  get claim(): Claim | undefined {
    const ticket = this.#tickets.present
    return ticket && { ticket, batches: this.#isOver ? undefined : this.taken }
  }

  /** Something is to be sent: what this turn still adds leaves in the same frame. Waits where there is no connection. */
  wake(): void {
    this.#carrier?.wake()
  }

  /** Something is to be sent that may follow from what is being read. */
  wakeSoon(): void {
    this.#carrier?.wakeSoon()
  }

  /** Something is to be sent that nobody waits for. */
  wakeLater(): void {
    this.#carrier?.wakeLater()
  }

  /** A frame's worth is to be sent. */
  flush(): void {
    this.#carrier?.flush()
  }

  /** Sends what there is, says goodbye, and ends when the peer has done so too; at once where there is no connection. */
  end(): void {
    if (this.#carrier === undefined) this.giveUp()
    else this.#carrier.end()
  }

  /** Ends at once and without a word. */
  cut(error?: NetQueueError): void {
    if (this.#carrier === undefined) this.close(error)
    else this.#carrier.cut(error)
  }

  /** Does not wait for another connection any more: ends with the error with which it lost the one that it had. */
  giveUp(): void {
    if (this.isSuspended) this.close(this.#loss)
  }

  /** Server: by which of its tickets an applicant proves that this session is its own; none where it does not. */
  provenBy(applicant: Applicant): Ticket | undefined {
    return this.#tickets.provenBy(applicant)
  }

  /** Batches that were taken from the peer. */
  get taken(): number {
    return this.#replay?.taken ?? 0
  }

  /** Whether something may be due that cannot leave before the peer has taken what left before. */
  get isHeldUp(): boolean {
    return this.#replay?.isFull === true
  }

  /** @internal It begins, with its first connection. `former`: the ticket of the session that the client had, if this one takes its place. */
  begin(user: SessionUser, carrier: Carrier, former?: Ticket): void {
    this.#user = user
    this.#tickets.follow(former)
    this.#attach(carrier)
    user.opened(this.wire)
  }

  /** @internal The peer says how many batches it has taken. A number that cannot be ends the session, and throws `BAD_MESSAGE`. */
  rewind(batches: number): void {
    try {
      this.#replay?.rewind(batches)
    } catch (error) {
      this.close(error as NetQueueError)
      throw error
    }
  }

  /** @internal It goes on with another connection, behind {@link rewind}. `former`: the ticket by which the client came. */
  resume(carrier: Carrier, ticket: Ticket | undefined, former?: Ticket): void {
    this.#tickets.renew(ticket, former)
    this.#loss = undefined
    this.#attach(carrier)
    this.#user?.resumed()
  }

  /** @internal Takes a frame from the peer. What it throws ends the session. */
  take(frame: Bytes): void {
    this.#replay?.enter()
    const isCounted = this.wire.decode(frame, this.#take)
    this.#replay?.leave()
    // Whatever it says, it says behind the introduction.
    this.#tickets.heard()
    if (isCounted) this.#replay?.took(frame.byteLength)
    if (this.wire.isDue === true) this.wake()
  }

  /** @internal Set while nothing is to be read: resolves when more is. */
  get full(): Promise<void> | undefined {
    const { full, isPatient } = this.wire
    return isPatient === true ? this.#user?.full : full
  }

  /** @internal Whether there may be a frame behind the last one, though nobody has woken the session since. */
  hasMore = true

  /** @internal The frame that leaves next; `undefined` when there is none now. What it throws ends the session. */
  nextFrame(): Bytes | undefined {
    this.hasMore = true
    const replay = this.#replay
    if (replay === undefined) return this.#make()
    return this.#ack(replay) ?? replay.again() ?? this.#add(replay)
  }

  /** @internal Asks the peer for a sign of life. */
  ping(): void {
    this.#user?.ping()
  }

  /** @internal The system has taken all that left so far. */
  flushed(): void {
    this.wire.flushed?.(this.#take)
  }

  /** @internal The peer's stream has ended, and it had not said goodbye: perhaps that is how it does. */
  ended(): void {
    this.wire.ended?.(this.#take)
  }

  /** @internal The connection is gone, and nobody has said goodbye. */
  lost(error: NetQueueError): void {
    this.#carrier = undefined
    this.#replay?.detached()
    if (this.#replay?.isPossible !== true) return this.close(error)
    this.#loss = error
    this.#user?.suspended(error)
  }

  /** @internal It is over. */
  close(error: NetQueueError | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#carrier = undefined
    this.#replay?.detached()
    this.#replay = undefined
    this.#user?.closed(error)
  }

  #attach(carrier: Carrier): void {
    this.#carrier = carrier
    carrier.opened(this)
    this.#replay?.attached()
  }

  #message(message: Message): void {
    if (this.#isOver) return
    switch (message.type) {
      case 'ack':
        return this.#acknowledge(message.batches)
      case 'disconnect':
      case 'error':
        return this.#carrier?.endedByPeer(message)
      default:
        return this.#user?.take(message)
    }
  }

  #acknowledge(batches: number): void {
    if (this.#replay === undefined) throw notKept()
    if (this.#replay.acknowledge(batches)) this.#carrier?.wake()
  }

  #ack(replay: Replay): Uint8Array | undefined {
    const taken = replay.receipt()
    return taken === undefined ? undefined : this.wire.ack?.(taken)
  }

  #add(replay: Replay): Bytes | undefined {
    const frame = replay.isStalled ? undefined : this.#make()
    return frame && replay.keep(frame)
  }

  #make(): Bytes | undefined {
    this.#replay?.enter()
    const frame = this.wire.encode(this.#fill)
    this.hasMore = !this.#isAllSaid || this.wire.hasMore !== false
    this.#replay?.leave()
    return frame
  }
}

function notKept(): NetQueueError {
  return new NetQueueError(
    'UNEXPECTED_FRAME',
    'The peer acknowledged batches of a session that ends with its connection',
  )
}
