import { NetQueueError } from '../errors/errors.ts'
import { askable, denialsOf } from '../message/denials.ts'
import type { Action, Denials } from '../message/denials.ts'
import type { MessageEntry } from '../message/definition.ts'
import type { Authorize, Principal } from './server-options.ts'

export interface PermissionsInit {
  authorize: Authorize | undefined
  /** The messages of the server. */
  messages: Iterable<MessageEntry>
  warn: (error: NetQueueError) => void
}

/** What clients may do at one server. */
export class Permissions {
  readonly #init: PermissionsInit

  constructor(init: PermissionsInit) {
    this.#init = init
  }

  /** The most that can be denied; none where nobody is asked. */
  get most(): Denials | undefined {
    const { authorize, messages } = this.#init
    return authorize && denialsOf(askable(messages))
  }

  /** What one client may not do, of all that it can ask for; asks once for each action and name. `isKnown`: whether it has a message, too. */
  denialsOf(principal: Principal, isKnown: (name: string) => boolean): Denials | undefined {
    const { authorize, messages } = this.#init
    if (authorize === undefined) return undefined
    const common = [...messages].filter(({ name }) => isKnown(name))
    const denied = [...askable(common)].filter(([action, name]) => !this.#isAllowed(authorize, principal, action, name))
    return denialsOf(denied)
  }

  /** Whether a client may do something now; asks each time. */
  allows(principal: Principal, action: Action, name: string): boolean {
    const { authorize } = this.#init
    return authorize === undefined || this.#isAllowed(authorize, principal, action, name)
  }

  #isAllowed(authorize: Authorize, principal: Principal, action: Action, name: string): boolean {
    try {
      const answer: unknown = authorize(principal, action, name)
      if (typeof answer === 'boolean') return answer
      // A promise would be as good as yes.
      throw new TypeError(`Expected \`authorize\` to return true or false, got a value of type ${typeof answer}`)
    } catch (cause) {
      this.#init.warn(failed(principal, cause))
      return false
    }
  }
}

function failed({ id }: Principal, cause: unknown): NetQueueError {
  const message = `\`authorize\` failed for client ${JSON.stringify(id)}, which may not do what it was asked about`
  return new NetQueueError('NOT_AUTHORIZED', message, { cause })
}
