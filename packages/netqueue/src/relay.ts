import { Client, connect } from './client.ts'
import type { Uplink } from './client/uplink.ts'
import { checkMs, checkOneOf } from './errors/check.ts'
import { NetQueueError } from './errors/errors.ts'
import type { Messages } from './message/messages.ts'
import { RELAYING } from './endpoint/relaying.ts'
import { Interplay } from './relay/interplay.ts'
import { joined } from './relay/joined.ts'
import type { Joint } from './relay/joined.ts'
import type { RelayCloseOptions, RelayClosed, RelayEvents, RelayOptions } from './relay/relay-options.ts'
import { relaySettingsFrom } from './relay/relay-settings.ts'
import type { RelaySettings } from './relay/relay-settings.ts'
import { listen, Server } from './server.ts'

// What is where in the folder relay/:
// - relay-options, relay-settings: what a user may ask for, and what each side gets of it
// - joined: joins the two sides by two flows of items, down and up; flow is what both are
// - passage, stage, order: one item on its way, what works on it there, and which settles wait for it
// - interplay: all that is no item, as the options of both sides have it; talk passes requests and messages on
// - tree: hears and tells who is above and below, and finds loops; told is what waits to be told
// - branches, names, lengths: what a tree knows of those below, to tell it: nodes, messages, and how long items may be

/**
 * Connects to a parent, and listens for children: a client and a server in one, which hand items, results, requests and messages on. An item
 * stays its sender's until whoever got it in the end has settled it, and nobody is asked for more than can go on.
 * Rejects as {@link connect} and {@link listen} do.
 */
export async function relay<Item = unknown, Result = unknown, M extends Messages = Messages>(
  options: RelayOptions<Item, Result, M>,
): Promise<Relay<Item, Result, M>> {
  const settings = relaySettingsFrom<Item, Result, M>(options)
  const { parent, listen: address, messages } = options
  const { id, env, keepsLength, above } = settings
  const interplay = new Interplay({ id, env, messages, keepsLength, maxItemBytes: above.maxItemBytes })
  const client = await connect<Item, Result, M>(parent, { ...settings.client, [RELAYING]: interplay.above })
  try {
    const server = await listen<Item, Result, M>(address, { ...settings.server, [RELAYING]: interplay.below })
    return new Relay<Item, Result, M>(client, server, { ...settings, interplay })
  } catch (error) {
    await client.close({ timeout: 0 })
    throw error
  }
}

/** A node of a tree: see {@link relay}. */
export class Relay<Item = unknown, Result = unknown, M extends Messages = Messages> implements AsyncDisposable {
  /** Upwards: its states, events and servers, and what it asks and says for itself. */
  readonly client: Client<Item, Result, M>
  /** Downwards: its clients and events, and what it asks and says for itself. */
  readonly server: Server<Item, Result, M>
  /** Resolves when both sides are closed; never rejects. */
  readonly closed: Promise<RelayClosed<Item, Result>>
  readonly #joint: Joint
  readonly #interplay: Interplay
  readonly #now: () => number
  #closing: Promise<void> | undefined
  /** When closing is to be over, on the clock of `env`. */
  #end = 0
  /** What children had put, and nobody has. */
  #left: Result[] = []

  /** @internal Use {@link relay}. */
  constructor(
    client: Client<Item, Result, M>,
    server: Server<Item, Result, M>,
    { env, above, below, down, up, interplay }: RelaySettings<Item, Result, M> & { interplay: Interplay },
  ) {
    const warn = (error: NetQueueError): void => Client.partsOf(client).events.emit('warning', { error })
    this.client = client
    this.server = server
    this.#now = () => env.now()
    this.#joint = joined({
      env,
      above: { ...Client.partsOf(client), ...above },
      below: { ...Server.partsOf(server), ...below },
      down,
      up,
      lengths: interplay.lengths,
      warn,
    })
    this.#interplay = interplay
    interplay.join({
      above: Client.partsOf(client),
      below: Server.partsOf(server),
      warn,
      onStatus: (listener) => void server.on('status', listener),
    })
    this.closed = Promise.all([client.closed, server.closed]).then(async ([above, { undone: below }]) => {
      await (this.#closing ?? this.close())
      return { ...above, undone: [...above.undone, ...this.#left], below }
    })
    client.on('goaway', ({ server: parent }) => {
      const { link } = parent as Uplink
      if (link !== undefined) this.#joint.handBack(link.intake)
    })
    // Without either side it is none any more.
    for (const end of [client.closed, server.closed]) void end.then(() => this.#closing ?? this.close())
  }

  /** Its name, above and below. */
  get id(): string {
    return this.server.id
  }

  /** The ids of all nodes above it, in no particular order. */
  get ancestors(): readonly string[] {
    return this.#interplay.ancestors
  }

  /** Where children connect; `undefined` where it does not listen. */
  get address(): string | undefined {
    return this.server.address
  }

  /** Calls a listener with each warning of either side; returns the function that takes it away. */
  on(type: 'warning', listener: (event: RelayEvents['warning']) => void): () => void {
    const ends = [this.client.on(type, listener), this.server.on(type, listener)]
    return () => {
      for (const end of ends) end()
    }
  }

  /**
   * Ends the relay: what no child has begun goes back to the parent, children finish and leave, and their results go up; then it leaves its
   * parent. When time is up (`timeout`, 5 s), what is left is cancelled below and goes back above. A second call waits for the same end, and no
   * longer than its own `timeout`. Rejects with a `TypeError` or a `RangeError` for options that are none. What was left undone, {@link closed}
   * tells.
   */
  async close({ timeout = 5_000, reason = 'closed' }: RelayCloseOptions = {}): Promise<void> {
    checkMs('timeout', timeout)
    checkOneOf('reason', reason, ['closed', 'restart'])
    if (this.#closing !== undefined) this.#limit(timeout)
    this.#closing ??= this.#close(timeout, reason)
    await this.#closing
  }

  /** {@link close}, and throws `DRAIN_INCOMPLETE` when something of its own, or of its children's, was left undone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    const { undone, below } = await this.closed
    const all = [...undone, ...below]
    if (all.length === 0) return
    throw new NetQueueError('DRAIN_INCOMPLETE', `${all.length} items were left undone`, { undone: all })
  }

  async #close(timeout: number, reason: 'closed' | 'restart'): Promise<void> {
    this.#end = this.#now() + timeout
    this.#joint.stopDown()
    // Nothing can go up: it goes back to where it came from.
    if (this.client.state !== 'connected') await this.client.close({ timeout: 0 })
    await this.server.close({ timeout: this.#timeLeft(), reason })
    // A client that closes takes nothing from here any more.
    await Promise.race([this.#joint.finishUp(this.#timeLeft()), this.client.closed])
    await this.client.close({ timeout: this.#timeLeft() })
    this.#left = this.#joint.stop() as Result[]
  }

  #limit(timeout: number): void {
    this.#end = Math.min(this.#end, this.#now() + timeout)
    if (this.server.state === 'closing') void this.server.close({ timeout })
    this.#joint.limitUp(timeout)
    if (this.client.state === 'closing') void this.client.close({ timeout })
  }

  #timeLeft(): number {
    return Math.max(0, this.#end - this.#now())
  }
}
