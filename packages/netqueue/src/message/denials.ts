import { NetQueueError } from '../errors/errors.ts'

/**
 * What a client asks of its server: `put` items, `submit` items whose results it wants, `request` a name, `send` a name, and `subscribe`: to be
 * given items, or what the server asks and sends by a name.
 */
export type Action = 'put' | 'submit' | 'request' | 'send' | 'subscribe'

export const ACTIONS: readonly Action[] = ['put', 'submit', 'request', 'send', 'subscribe']

/** Stands where the name of a message does: items have none. */
export const ITEMS = ''

type Names = ReadonlyMap<Action, ReadonlySet<string>>

/** What one client may not do. What is not in here, it may. */
export class Denials {
  readonly #names: Names

  constructor(names: Names) {
    this.#names = names
  }

  denies(action: Action, name: string = ITEMS): boolean {
    return this.#names.get(action)?.has(name) === true
  }

  /** Each action of which something is denied, with the names. */
  *[Symbol.iterator](): Iterator<[Action, ReadonlySet<string>]> {
    for (const [action, names] of this.#names) if (names.size > 0) yield [action, names]
  }
}

/** All that a client can ask for where both sides have those messages, in pairs of action and name. */
export function* askable(messages: Iterable<{ name: string; isRequest: boolean }>): Generator<[Action, string]> {
  yield ['put', ITEMS]
  yield ['submit', ITEMS]
  yield ['subscribe', ITEMS]
  for (const { name, isRequest } of messages) {
    yield [isRequest ? 'request' : 'send', name]
    yield ['subscribe', name]
  }
}

/** Denials of some of what can be asked for; none where that is nothing. */
export function denialsOf(denied: Iterable<[Action, string]>): Denials | undefined {
  const names = new Map<Action, Set<string>>()
  for (const [action, name] of denied) {
    const known = names.get(action)
    if (known === undefined) names.set(action, new Set([name]))
    else known.add(name)
  }
  return names.size === 0 ? undefined : new Denials(names)
}

/** `who`: the client, as the one who reads this knows it. */
export function notAuthorized(who: string, action: Action, name: string = ITEMS): NetQueueError {
  const what = name === ITEMS ? 'items' : JSON.stringify(name)
  const message = `${who} is not authorized to ${action}${action === 'subscribe' ? ' to' : ''} ${what} (authorize of the server)`
  return new NetQueueError('NOT_AUTHORIZED', message, { limit: 'authorize', delivered: 'no' })
}
