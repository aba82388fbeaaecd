import { connect, listen } from '../../src/index.ts'
import type { Client, ClientOptions, ClientStateChange, Server, ServerOptions } from '../../src/index.ts'
import { Place, rest } from './nodes.ts'
import { Road } from './road.ts'
import { messages } from './talking.ts'
import type { App } from './talking.ts'

/** The first attempt of a client that lost its server begins after so long, as chance is always 0.5 here. */
export const FIRST_MS = 50
export const NORTH = 'memory:north'
export const SOUTH = 'memory:south'

type Options = ClientOptions<string, string, App>
type Serving = ServerOptions<string, string, App>

/** A server, a client, and the road between them. */
export class Neighbours extends Place {
  readonly road = new Road()

  constructor() {
    super()
    this.clock.random = () => 0.5
  }

  serve(options: Serving = {}): Promise<Server<string, string, App>> {
    return this.listen<string, string, App>({ messages, transports: [this.road], ...options })
  }

  reach(options: Options = {}): Promise<Client<string, string, App>> {
    return this.connect<string, string, App>({ messages, transports: [this.road], ...options })
  }

  async both(options: Options = {}, serving: Serving = {}): Promise<Both> {
    const server = await this.serve(serving)
    return { server, client: await this.reach(options) }
  }

  /** Time passes, and all that it brings about comes to rest. */
  async later(ms: number): Promise<void> {
    await rest()
    this.clock.advance(ms)
    await rest()
  }
}

interface Both {
  server: Server<string, string, App>
  client: Client<string, string, App>
}

/** Servers here and there, each with its own road, and clients of all of them. */
export class Country extends Place {
  readonly roads = { [NORTH]: new Road(), [SOUTH]: new Road() }
  readonly #open: { close(options: { timeout: number }): Promise<unknown> }[] = []

  constructor() {
    super()
    this.clock.random = () => 0.5
  }

  get #transports(): Road[] {
    return Object.entries(this.roads).map(([address, road]) =>
      Object.assign(Object.create(road) as Road, {
        accepts: (asked: string) => asked === address,
        connect: road.connect.bind(road),
        listen: road.listen.bind(road),
        exposed: () => false,
      }),
    )
  }

  async serve(address: string, options: Serving = {}): Promise<Server<string, string, App>> {
    const shared = { env: this.clock, transports: this.#transports, messages }
    const server = await listen<string, string, App>(address, { ...shared, ...options })
    this.#open.push(server)
    return server
  }

  async reach(options: Options = {}): Promise<Client<string, string, App>> {
    const shared = { env: this.clock, transports: this.#transports, messages }
    const client = await connect<string, string, App>([NORTH, SOUTH], { ...shared, ...options })
    this.#open.push(client)
    return client
  }

  async both(options: Options = {}): Promise<{
    north: Server<string, string, App>
    south: Server<string, string, App>
    client: Client<string, string, App>
  }> {
    const [north, south] = [await this.serve(NORTH, { id: 'north' }), await this.serve(SOUTH, { id: 'south' })]
    const client = await this.reach(options)
    await rest()
    return { north, south, client }
  }

  async later(ms: number): Promise<void> {
    await rest()
    this.clock.advance(ms)
    await rest()
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.pass(Promise.all(this.#open.map((node) => node.close({ timeout: 0 }))))
    await super[Symbol.asyncDispose]()
  }
}

/** States as they come, with the number of the attempt. */
export function watch(client: Client<string, string, App>): string[] {
  const seen: string[] = []
  void (async () => {
    for await (const change of client.states()) seen.push(brief(change))
  })()
  return seen
}

const brief = (change: ClientStateChange): string =>
  'attempt' in change ? `${change.state} ${change.attempt}` : change.state

/** Where a client stands with each of its servers. */
export const statesOf = (client: Client<string, string, App>): string =>
  client.servers.map(({ address, id, state }) => `${address.slice(7)} ${id || '?'} ${state}`).join(', ')
