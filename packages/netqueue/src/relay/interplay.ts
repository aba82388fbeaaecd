import type { Calls } from '../client/calls.ts'
import type { Relaying } from '../endpoint/relaying.ts'
import type { NetQueueError } from '../errors/errors.ts'
import type { Messages } from '../message/messages.ts'
import type { Passing } from '../server/passing.ts'
import type { Permissions } from '../server/permissions.ts'
import type { ConnectedClient, ServerClient } from '../server/server-client.ts'
import { Downwards, Upwards } from './talk.ts'
import type { Lengths } from './lengths.ts'
import { Tree } from './tree.ts'
import type { TreeInit } from './tree.ts'

export interface InterplayInit extends Pick<TreeInit, 'env' | 'id' | 'maxItemBytes' | 'keepsLength'> {
  /** What the relay defines itself. */
  messages: Messages | undefined
}

/** The parts of a relay's two sides that talk with each other. */
export interface Sides {
  above: { calls: Pick<Calls, 'pass' | 'carry'> }
  below: { passing: Passing; permissions: Permissions }
  warn: (error: NetQueueError) => void
  /** Calls back when a child has changed its status. */
  onStatus: (listener: (event: { client: ServerClient }) => void) => void
}

/** Requests, messages, and the tree, across a relay: there before either of its sides is, as both are made with it. */
export class Interplay {
  readonly #downwards: Downwards
  readonly #upwards: Upwards
  readonly #tree: Tree
  /** Nobody listens before both sides are there. */
  #warn: (error: NetQueueError) => void = () => {}

  constructor({ messages, ...tree }: InterplayInit) {
    const warn = (error: NetQueueError): void => this.#warn(error)
    const names = new Set(Array.from(messages ?? [], ({ name }) => name))
    this.#downwards = new Downwards(warn)
    this.#upwards = new Upwards(warn)
    this.#tree = new Tree({ ...tree, names, downwards: this.#downwards, upwards: this.#upwards, warn })
  }

  /** For the options of the client. */
  get above(): Relaying {
    return this.#tree.above
  }

  /** For the options of the server. */
  get below(): Relaying {
    return this.#tree.below
  }

  /** The ids of all nodes above. */
  get ancestors(): readonly string[] {
    return this.#tree.ancestors
  }

  /** What children take. */
  get lengths(): Lengths {
    return this.#tree.lengths
  }

  /** Both sides are there. */
  join({ above, below, warn, onStatus }: Sides): void {
    this.#warn = warn
    onStatus(({ client }) => this.#tree.changed(client as ConnectedClient))
    this.#upwards.join(above.calls, below.permissions)
    this.#downwards.join(below.passing)
  }
}
