import type { Path } from '../message/route.ts'
import type { About } from '../message/tree.ts'
import type { ServerClient } from './server-client.ts'

/** A node of the tree below a client that is a relay. Stays the same object as long as it is there. */
export interface TreeNode {
  /** The ids on the way to it, that of the client first. */
  readonly path: Path
  /** The last of them: its name at its own server. */
  readonly id: string
  /** The client below which it is. */
  readonly client: ServerClient
  readonly tags: readonly string[]
  /** What it said last with `setStatus`, as far as that has come up. */
  readonly status: unknown
  /** Milliseconds to it and back, all the way, averaged; `undefined` before each part was measured. */
  readonly rtt: number | undefined
  /** Whether it is a relay itself. */
  readonly isRelay: boolean
  /** Whether it is still there. */
  readonly isConnected: boolean
}

/** A node, as the side that is told of it keeps it. */
export class KnownNode implements TreeNode {
  readonly client: ServerClient
  /** From the client. */
  readonly way: Path
  /** What it was told by took so many bytes. */
  bytes = 0
  isConnected = true
  #about: Omit<About, 'status'>
  /** As text: what it is made into may take many times its bytes. */
  #status: string | undefined

  constructor(client: ServerClient, way: Path, about: About) {
    this.client = client
    this.way = way
    this.#about = this.#keep(about)
  }

  get path(): Path {
    return [this.client.id, ...this.way]
  }

  get id(): string {
    return this.way.at(-1) as string
  }

  get tags(): readonly string[] {
    return this.#about.tags
  }

  get status(): unknown {
    return this.#status === undefined ? undefined : JSON.parse(this.#status)
  }

  get rtt(): number | undefined {
    const { rtt } = this.client
    return rtt === undefined || this.#about.rtt === undefined ? undefined : rtt + this.#about.rtt
  }

  get isRelay(): boolean {
    return this.#about.isRelay
  }

  /** It is not what it was. */
  change(about: About): void {
    this.#about = this.#keep(about)
  }

  #keep({ tags, status, rtt, isRelay }: About): Omit<About, 'status'> {
    this.#status = status === undefined ? undefined : JSON.stringify(status)
    return { tags, rtt, isRelay }
  }
}
