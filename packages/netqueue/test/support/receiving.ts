import { NetQueueError } from '../../src/errors/errors.ts'
import { Consumer } from '../../src/delivery/consumer.ts'
import type { Delivery } from '../../src/delivery/delivery.ts'
import { Inbox } from '../../src/delivery/inbox.ts'
import { Intake } from '../../src/delivery/intake.ts'
import { Retry } from '../../src/delivery/retry.ts'
import { json } from '../../src/message/codec.ts'
import { limitDefaults } from '../../src/options/limits.ts'
import type { Limits } from '../../src/options/limits.ts'
import { Recorder } from './recorder.ts'
import type { Written } from './recorder.ts'
import { VirtualEnv } from './virtual-env.ts'
import { listed } from '../../src/protocol/payloads.ts'

class Reading extends Consumer<unknown> {
  // The constructor of a consumer is for those who extend it.
  // oxlint-disable-next-line no-useless-constructor
  constructor(inbox: Inbox) {
    super(inbox)
  }
}

export interface ReceivingOptions {
  prefetch?: number
  countReaders?: boolean
  limits?: Partial<Limits>
  exposeErrors?: boolean
  isCredited?: boolean
  isPatient?: boolean
  maxAttempts?: number
  maxBytes?: number
}

/** The receiving half of a link without a link: a test plays the peer with `peer`, and reads with `said` what it would be told. */
export class Receiving {
  readonly env = new VirtualEnv()
  readonly warnings: string[] = []
  readonly inbox: Inbox
  readonly intake: Intake
  readonly consumer: Consumer<unknown>
  /** The ordinal of the last put of this side. */
  lastOrdinal = 0
  #next = 1

  constructor({
    prefetch = 1,
    countReaders = true,
    limits = {},
    exposeErrors = false,
    isCredited = true,
    isPatient = false,
    maxAttempts = 3,
    maxBytes = 1_000_000_000,
  }: ReceivingOptions = {}) {
    const warn = (error: NetQueueError): void => void this.warnings.push(error.code)
    this.inbox = new Inbox({ env: this.env, prefetch, maxBytes, countReaders, warn })
    this.consumer = new Reading(this.inbox)
    const shared = {
      limits: { ...limitDefaults, ...limits },
      inbox: this.inbox,
      codec: json(),
      resultCodec: json(),
      exposeErrors,
      retry: new Retry({ maxAttempts }),
      lastOrdinal: () => this.lastOrdinal,
    }
    const nothing = (): void => {}
    this.intake = new Intake(shared, { from: { id: 'peer' }, wake: nothing, wakeLater: nothing, flush: nothing, warn })
    this.inbox.add(this.intake)
    this.intake.open({ isCredited, isPatient, isTyped: true })
    this.said()
  }

  /** The peer sends items, within its credit or not. */
  send(items: readonly unknown[], { attempt = 1, wantsResult = false } = {}): void {
    this.sendBytes(
      items.map((item) => new TextEncoder().encode(JSON.stringify(item))),
      { attempt, wantsResult },
    )
  }

  sendBytes(payloads: readonly Uint8Array[], { attempt = 1, wantsResult = false } = {}): void {
    if (payloads.length === 0) return
    const first = this.#next
    this.#next += payloads.length
    this.intake.items({ type: 'items', first, attempt, wantsResult, payloads: listed(payloads) })
  }

  /** The peer gives back the numbers up to one. */
  skip(last: number, bytes = 0): void {
    const first = this.#next
    this.#next = last + 1
    this.intake.released({ type: 'released', first, last, bytes })
  }

  /** What the peer would be told now. */
  said({ oldestOrdinal = Number.POSITIVE_INFINITY, places = Number.POSITIVE_INFINITY } = {}): Written[] {
    return this.#write(new Recorder(places), oldestOrdinal)
  }

  #write(writer: Recorder, oldestOrdinal: number): Written[] {
    this.intake.fillControl(writer)
    this.intake.fill(writer, oldestOrdinal)
    return writer.written
  }

  /** The credit that the peer would be told of now, if any. */
  granted(): { limit: unknown; byteLimit: unknown; received: unknown } | undefined {
    const credit = this.said().find(([kind]) => kind === 'credit')
    return credit === undefined ? undefined : { limit: credit[1], byteLimit: credit[2], received: credit[3] }
  }

  take(): Delivery<unknown> {
    const delivery = this.inbox.take()
    if (delivery === undefined) throw new Error('Expected an item to wait')
    return delivery
  }

  /** The connection ends; a server keeps what it received. */
  lose({ keep = false, error = new NetQueueError('CONNECTION_LOST', 'lost') } = {}): void {
    this.intake.close(error, { keep })
    this.inbox.remove(this.intake)
    if (!keep) this.inbox.close(error)
  }
}
