import { Forwarding } from '../endpoint/forwarding.ts'
import type { Seeker } from '../endpoint/errand.ts'
import type { Path } from '../message/route.ts'
import type { PassedMessage } from '../request/finder.ts'
import type { Transit } from '../request/transit.ts'
import type { ConnectedClient } from './server-client.ts'

export interface PassingInit {
  /** The clients that are connected now, or away. */
  connected: () => Iterable<ConnectedClient>
  /** Whether a client may be asked, or sent, what passes by that name. */
  mayHear: (client: ConnectedClient, name: string) => boolean
}

/** To which clients the requests and messages go that somebody above has sent. */
export class Passing {
  readonly #seeker: Seeker<ConnectedClient>
  readonly #init: PassingInit
  /** Requests that passed so far. */
  #count = 0

  /** `seeker` finds whoever is free. */
  constructor(seeker: Seeker<ConnectedClient>, init: PassingInit) {
    this.#seeker = seeker
    this.#init = init
  }

  /** A request from above goes along its path, or to whoever knows it and has the fewest. */
  pass(transit: Transit): void {
    const { to, named } = transit
    if (to !== undefined) return this.#passAlong(transit, to)
    let code = 'UNKNOWN_REQUEST'
    for (const client of this.#init.connected()) {
      if (!client.knows(named.name) || !this.#init.mayHear(client, named.name)) continue
      if (client.takes(transit.length)) return new Forwarding(this.#seeker, transit, (this.#count += 1)).forward()
      code = 'ITEM_TOO_LARGE'
    }
    transit.refuse(code)
  }

  /** A message from above goes along its path, or to all who know it and are not left out. Gives those that had no room for it. */
  carry(said: PassedMessage): ConnectedClient[] {
    const { to, named, except = [] } = said
    if (to !== undefined) {
      const client = this.#find(to[0])
      if (client === undefined || !this.#init.mayHear(client, named.name)) return []
      return isMissed(client, said, to.slice(1), undefined) ? [client] : []
    }
    const isLeftOut = ({ id }: ConnectedClient): boolean => except.some((path) => path.length === 1 && path[0] === id)
    const below = ({ id }: ConnectedClient): Path[] =>
      except.flatMap((path) => (path.length > 1 && path[0] === id ? [path.slice(1)] : []))
    const isFor = (client: ConnectedClient): boolean =>
      client.knows(named.name) && !isLeftOut(client) && this.#init.mayHear(client, named.name)
    return [...this.#init.connected()].filter((client) => isFor(client) && isMissed(client, said, [], below(client)))
  }

  #find(id: string | undefined): ConnectedClient | undefined {
    for (const client of this.#init.connected()) if (client.id === id) return client
    return undefined
  }

  #passAlong(transit: Transit, [id, ...way]: Path): void {
    const client = this.#find(id)
    if (client === undefined || (way.length > 0 && !client.isRelay)) return transit.refuse('CLIENT_GONE')
    if (!this.#init.mayHear(client, transit.named.name)) return transit.refuse('NOT_AUTHORIZED')
    try {
      transit.ask(this.#seeker.exchangeOf(client), { to: way.length === 0 ? undefined : way, again: undefined })
    } catch (error) {
      transit.failed(error)
    }
  }
}

/** Whether a message does not reach a client; of several in a row, one is told of. */
function isMissed(
  client: ConnectedClient,
  said: PassedMessage,
  to: Path,
  except: readonly Path[] | undefined,
): boolean {
  const wasBehind = client.isBehind
  client.isBehind = !hasPassed(client, said, to, except)
  return client.isBehind && !wasBehind
}

/** Passes a message on to a client, if that has room. */
function hasPassed(
  { conversation, isRelay }: ConnectedClient,
  said: PassedMessage,
  to: Path,
  except: readonly Path[] | undefined,
): boolean {
  if (to.length > 0 && !isRelay) return true
  try {
    const route = {
      ...(to.length > 0 && { to }),
      ...(except !== undefined && except.length > 0 && { except }),
    }
    return conversation.exchange.tryPass(said, route)
  } catch {
    return false
  }
}
