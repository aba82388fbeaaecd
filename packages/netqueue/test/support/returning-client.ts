import { Connection } from '../../src/connection/connection.ts'
import { Pulse } from '../../src/connection/pulse.ts'
import type { Session } from '../../src/connection/session.ts'
import { Conversation } from '../../src/endpoint/conversation.ts'
import { Consumer } from '../../src/delivery/consumer.ts'
import type { Sender } from '../../src/delivery/delivery.ts'
import { Entry } from '../../src/delivery/entry.ts'
import { Inbox } from '../../src/delivery/inbox.ts'
import { Line } from '../../src/delivery/line.ts'
import { Link } from '../../src/delivery/link.ts'
import type { Settlement } from '../../src/delivery/settlement.ts'
import { Retry } from '../../src/delivery/retry.ts'
import { SettleDeadlines } from '../../src/delivery/settle-deadlines.ts'
import type { Env } from '../../src/env/env.ts'
import type { NetQueueError } from '../../src/errors/errors.ts'
import { limitsFrom } from '../../src/options/limits.ts'
import type { Limits } from '../../src/options/limits.ts'
import { native } from '../../src/protocol/net-queue/net-queue.ts'
import type { Exchange } from '../../src/request/exchange.ts'
import { Talk } from '../../src/endpoint/talk.ts'
import { text } from '../../src/index.ts'
import type { ByteDuplex } from '../../src/index.ts'
import { messages } from './talking.ts'

class Reader extends Consumer<string, string> {
  static of(inbox: Inbox): Reader {
    return new Reader(inbox)
  }
}

/** A client made of a session and of as many connections as it takes, which somebody else makes: nothing of a public client is in it. */
export class ReturningClient {
  readonly reader: Reader
  readonly talk: Talk
  /** What has become of sessions, in order. */
  readonly log: string[] = []
  readonly warnings: NetQueueError[] = []
  /** What became of the items that it put. */
  readonly settled: string[] = []
  session: Session | undefined
  id: string
  readonly #env: Env
  readonly #limits: Limits
  readonly #inbox: Inbox
  readonly #line: Line
  readonly #pulse: Pulse
  #link!: Link
  #conversation!: Conversation
  #connection: Connection | undefined
  /** Called when there is no connection any more, but may be one. */
  lost: () => void = () => {}

  constructor(env: Env, id: string = 'back', limits: Partial<Limits> = {}) {
    this.#env = env
    this.id = id
    this.#limits = limitsFrom(limits)
    const warn = (error: NetQueueError): void => void this.warnings.push(error)
    const worked = (): void => {}
    const protocol = native()
    this.talk = new Talk({ env, options: { messages }, limits: this.#limits, events: [], protocol, warn, worked })
    this.#inbox = new Inbox({ env, prefetch: 3, maxBytes: this.#limits.maxInboxBytes, countReaders: true, warn })
    this.reader = Reader.of(this.#inbox)
    this.#line = new Line({
      env,
      maxWaiting: 1_000,
      taker: () => (this.#link.outbox.credit > 0 ? this.#link : undefined),
      withdrawn: () => this.#link.wake(),
    })
    this.#pulse = new Pulse({ env, limits: this.#limits, warn })
  }

  get exchange(): Exchange<Sender> {
    return this.#conversation.exchange
  }

  put(item: string): Promise<void> {
    return this.#line.put(new Entry(item, text().encode(item)))
  }

  /** Connects, and comes back with the session that it had. */
  connect(duplex: ByteDuplex): void {
    const env = this.#env
    this.#connection = new Connection(duplex, {
      role: 'client',
      protocol: native(),
      env,
      limits: this.#limits,
      pulse: this.#pulse,
      introduction: () => ({
        id: this.id,
        item: 'text',
        result: 'text',
        tags: [],
        status: undefined,
        messages: this.talk.own,
        nonce: env.randomBytes(16),
      }),
      previous: this.session,
      user: (session) => this.#converse(session),
      identified: (id) => (this.id = id),
      declined: (error) => {
        this.log.push(`declined ${error?.code ?? 'goodbye'}`)
        this.lost()
      },
    })
  }

  /** Says that it will leave. */
  leave(): void {
    this.#link.goaway('CLOSED')
  }

  /** Leaves without a goodbye, for good. */
  async gone(): Promise<void> {
    this.lost = () => {}
    this.session?.cut()
    await this.#connection?.done
    this.session?.giveUp()
    this.#inbox.close(new Error('gone'))
  }

  async end(): Promise<void> {
    this.lost = () => {}
    this.session?.end()
    await this.#connection?.done
    this.#inbox.close(new Error('ended'))
  }

  #converse(session: Session): Conversation {
    const warn = (error: NetQueueError): void => void this.warnings.push(error)
    this.session = session
    this.#link = new Link({
      shared: {
        env: this.#env,
        limits: this.#limits,
        inbox: this.#inbox,
        codec: text(),
        resultCodec: text(),
        exposeErrors: false,
        retry: new Retry({}),
        deadlines: new SettleDeadlines(this.#env),
        keepsReceived: false,
        lastOrdinal: () => this.#line.lastOrdinal,
        oldestWaiting: () => this.#line.oldestOrdinal,
      },
      owner: {
        changed: () => this.#line.advance(),
        settled: (_link, { item }, settlement) => this.settled.push(`${String(item)} ${nameOf(settlement)}`),
        status: () => {},
        goaway: () => {},
        closed: (_link, error) => this.log.push(`closed ${error?.code ?? 'goodbye'}`),
        warn,
      },
      wake: () => session.wake(),
      wakeLater: () => session.wakeLater(),
      flush: () => session.flush(),
    })
    this.#conversation = new Conversation({
      link: this.#link,
      talk: this.talk.shared,
      opened: () => this.log.push('opened'),
      suspended: () => {
        this.log.push('suspended')
        this.lost()
      },
      resumed: () => this.log.push('resumed'),
      ended: () => this.lost(),
      wake: () => session.wake(),
      wakeSoon: () => session.wakeSoon(),
      flush: () => session.flush(),
      warn,
      asked: () => {},
      changed: () => {},
    })
    return this.#conversation
  }
}

const nameOf = (settlement: Settlement): string => (settlement.type === 'settle' ? settlement.outcome : settlement.type)
