import type { Connection } from './connection/connection.ts'
import type { Link } from './delivery/link.ts'

/** A client as its server sees it. */
export interface ServerClient {
  readonly id: string
  /** The name of the protocol that it speaks. */
  readonly protocol: string
  /** Where it is, as an address for people and logs. */
  readonly address: string | undefined
  readonly tags: readonly string[]
  /** What it said last with `setStatus`; of an original, a string. */
  readonly status: unknown
  /** Whatever the server's user wants to keep with it. */
  data: unknown
  /** Items assigned to it and not settled. */
  readonly inFlight: number
  /** Items that it would take now. */
  readonly credit: number
  /** Milliseconds for a message to it and back, averaged; `undefined` before the first measurement. */
  readonly rtt: number | undefined
  /** Milliseconds from an item's assignment to its settle, averaged; `undefined` before the first one. */
  readonly serviceTime: number | undefined
  readonly isConnected: boolean
  /** Ends the connection; its unsettled items go back to the backlog. */
  close(): Promise<void>
}

/** The server's end of one connection. */
export class ConnectedClient implements ServerClient {
  readonly address: string | undefined
  data: unknown = undefined
  status: unknown = undefined
  isConnected = false
  readonly #link: Link
  readonly #connection: () => Connection

  constructor(link: Link, connection: () => Connection, address: string | undefined) {
    this.#link = link
    this.#connection = connection
    this.address = address
  }

  get id(): string {
    return this.#link.from.id
  }

  get protocol(): string {
    return this.#link.peer?.protocol ?? ''
  }

  get tags(): readonly string[] {
    return this.#link.peer?.tags ?? []
  }

  get inFlight(): number {
    return this.#link.outbox.inFlight
  }

  get credit(): number {
    return this.#link.outbox.credit
  }

  get rtt(): number | undefined {
    return this.#link.rtt
  }

  get serviceTime(): number | undefined {
    return this.#link.serviceTime
  }

  async close(): Promise<void> {
    this.#connection().end()
    await this.#connection().done
  }
}
