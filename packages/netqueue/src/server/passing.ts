import { Forwarding } from '../endpoint/forwarding.ts'
import type { Seeker } from '../endpoint/errand.ts'
import type { Path, Route } from '../message/route.ts'
import type { PassedMessage } from '../request/finder.ts'
import type { Transit } from '../request/transit.ts'
import type { ConnectedClient } from './server-client.ts'

export interface PassingInit {
  /** The clients that are connected now, or away. */
  connected: () => Iterable<ConnectedClient>
  /** Whether a client may be asked, or sent, what passes by that name. */
  mayHear: (client: ConnectedClient, name: string) => boolean
}

/** Whom a message is for. */
interface Hearer {
  client: ConnectedClient
  /** What the message says of those below it. */
  route: Route
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

  /**
   * A message from above goes along its path, or to all who know it and are not left out. Gives those that have no room for it, and had some
   * for the one before: of several in a row, one is told of.
   */
  carry(said: PassedMessage): ConnectedClient[] {
    const late: ConnectedClient[] = []
    for (const hearer of this.#hearers(said)) {
      const { client } = hearer
      const wasBehind = client.isBehind
      client.isBehind = !passTo(hearer, said)
      if (client.isBehind && !wasBehind) late.push(client)
    }
    return late
  }

  *#hearers({ to, named: { name }, except = [] }: PassedMessage): Generator<Hearer> {
    if (to !== undefined) {
      const [id, ...way] = to
      const client = this.#find(id)
      if (client !== undefined && this.#init.mayHear(client, name)) yield { client, route: { to: orNone(way) } }
      return
    }
    for (const client of this.#init.connected()) {
      if (!client.knows(name)) continue
      const ways = waysBelow(client, except)
      const isLeftOut = ways.some(({ length }) => length === 0)
      if (!isLeftOut && this.#init.mayHear(client, name)) yield { client, route: { except: orNone(ways) } }
    }
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

/** Of paths, those that begin with a client, from there on; that of the client itself has no step left. */
const waysBelow = ({ id }: ConnectedClient, paths: readonly Path[]): Path[] =>
  paths.filter(([first]) => first === id).map((path) => path.slice(1))

/** Passes a message on to a client; tells whether that had room. What is for somebody below one that is no relay is for nobody. */
function passTo({ client: { conversation, isRelay }, route }: Hearer, said: PassedMessage): boolean {
  if (route.to !== undefined && !isRelay) return true
  try {
    return conversation.exchange.tryPass(said, route)
  } catch {
    return false
  }
}

const orNone = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list)
