import type { Calls } from '../client/calls.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Finder, PassedMessage } from '../request/finder.ts'
import type { Transit } from '../request/transit.ts'
import type { Passing } from '../server/passing.ts'
import type { Permissions } from '../server/permissions.ts'
import type { ConnectedClient } from '../server/server-client.ts'

type Warn = (error: NetQueueError) => void

/** What comes from above and is not for the relay itself, on its way to children. */
export class Downwards implements Finder {
  readonly isFromAbove = true
  readonly #warn: Warn
  #children: Passing | undefined
  /** Came before there was anybody to be below. */
  readonly #early: Transit[] = []

  constructor(warn: Warn) {
    this.#warn = warn
  }

  join(children: Passing): void {
    this.#children = children
    for (const transit of this.#early.splice(0)) children.pass(transit)
  }

  objection(): undefined {
    return undefined
  }

  find(transit: Transit): void {
    if (this.#children === undefined) this.#early.push(transit)
    else this.#children.pass(transit)
  }

  carry(said: PassedMessage): void {
    for (const { id } of this.#children?.carry(said) ?? []) this.#warn(dropped(said.named.name, `Child ${id} had no`))
  }
}

/** What comes from below and is not for the relay itself, on its way to a parent. */
export class Upwards implements Finder {
  readonly isFromAbove = false
  readonly #warn: Warn
  #parents: Pick<Calls, 'pass' | 'carry'> | undefined
  #permissions: Permissions | undefined
  /** A message had no room: of those that follow nothing is said, until one has. */
  #isBehind = false

  constructor(warn: Warn) {
    this.#warn = warn
  }

  join(parents: Pick<Calls, 'pass' | 'carry'>, permissions: Permissions): void {
    this.#parents = parents
    this.#permissions = permissions
  }

  /** What both sides define was asked for when the child came. */
  objection(from: unknown, action: 'request' | 'send', name: string): string | undefined {
    return this.#permissions?.allows(from as ConnectedClient, action, name) === false ? 'NOT_AUTHORIZED' : undefined
  }

  find(transit: Transit): void {
    if (this.#parents === undefined) transit.refuse('UNKNOWN_REQUEST')
    else this.#parents.pass(transit)
  }

  carry(said: PassedMessage): void {
    const isPassed = this.#parents?.carry(said) === true
    if (!isPassed && !this.#isBehind) this.#warn(dropped(said.named.name, 'No parent had'))
    this.#isBehind = !isPassed
  }
}

function dropped(name: string, who: string): NetQueueError {
  const message = `${who} room for a ${JSON.stringify(name)} message that passed, and more may be lost (maxUnsentMessages, maxUnsentBytes)`
  return new NetQueueError('MESSAGE_DROPPED', message, { limit: 'maxUnsentMessages', value: name })
}
