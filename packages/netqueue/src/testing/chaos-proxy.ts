import { host } from '../env/host.ts'
import { checkString } from '../errors/check.ts'
import { chooseTransport, defaultTransports } from '#transport'
import type { ByteDuplex, Listener, Transport } from '../transport/transport.ts'
import { Ways } from './chaos-duplex.ts'
import type { Chaos, ChaosOptions } from './chaos-duplex.ts'
import { ChaosLink } from './chaos-link.ts'
import type { ChaosCounts } from './direction.ts'
import type { ChaosToxics, Way } from './toxics.ts'

export interface ChaosProxyOptions extends ChaosOptions {
  /** Where it connects to, for each connection that it takes. */
  to: string
  /** Where it listens: `tcp://host:port`, `unix:/path`, `memory:name`. @default 'tcp://127.0.0.1:0', a free port */
  listen?: string
  /** What reads these addresses. @default as `listen` and `connect` have them */
  transports?: readonly Transport[]
}

/** A proxy in this process, with a bad network in it: clients connect to its `address` instead. Upwards is what they send. */
export interface ChaosProxy extends Chaos, AsyncDisposable {
  /** What clients connect to; the same for all its life. */
  readonly address: string
  /** Connections that there are. */
  readonly connections: number
  /** Connections that there ever were. */
  readonly accepted: number
  /** The proxy is down: every connection is reset, and whoever tries to connect is refused. (`down` of Toxiproxy) */
  cut(): Promise<void>
  /**
   * The end of `cut`, `halfOpen` and `blackhole`: what waited arrives, as TCP would send it again. Toxics stay. Rejects with
   * `LISTEN_FAILED` where somebody has taken the address meanwhile.
   */
  heal(): Promise<void>
  /** Resets every connection and takes no more. Resolves when nothing is left open. */
  close(): Promise<void>
}

/**
 * Listens, and connects whoever comes to `to`, through the network that the toxics describe. Connections that are made while a way is held wait
 * for `heal()`, as if their first packet was lost. Rejects with `LISTEN_FAILED`.
 */
export async function chaosProxy(options: ChaosProxyOptions): Promise<ChaosProxy> {
  const { to, listen = 'tcp://127.0.0.1:0', transports = defaultTransports, env = host, ...toxics } = options
  checkString('to', to)
  checkString('listen', listen)
  const proxy = new RunningProxy(new Ways({ env, ...toxics }), {
    listen: (address) => chooseTransport(address, transports).listen(address),
    dial: (signal) => chooseTransport(to, transports).connect(to, { signal }),
  })
  await proxy.open(listen)
  return proxy
}

interface Ends {
  listen: (address: string) => Promise<Listener>
  dial: (signal: AbortSignal) => Promise<ByteDuplex>
}

class RunningProxy implements ChaosProxy {
  address = ''
  accepted = 0
  readonly #ways: Ways
  readonly #ends: Ends
  readonly #links: Set<ChaosLink> = new Set()
  #listener: Listener | undefined
  /** It is about to listen again. */
  #opening: Promise<void> | undefined
  #isClosed = false

  constructor(ways: Ways, ends: Ends) {
    this.#ways = ways
    this.#ends = ends
  }

  get connections(): number {
    return this.#links.size
  }

  get up(): ChaosCounts {
    return this.#ways.up
  }

  get down(): ChaosCounts {
    return this.#ways.down
  }

  /** Listens, there and from then on. */
  async open(address: string): Promise<void> {
    const listener = await this.#ends.listen(address)
    this.#listener = listener
    this.address = listener.address
    void this.#serve(listener)
  }

  set(toxics: ChaosToxics): void {
    this.#ways.set(toxics)
  }

  reset(): void {
    for (const link of this.#links) link.reset()
  }

  halfOpen(way: Way): void {
    this.#ways.hold(way)
  }

  blackhole(): void {
    this.#ways.hold('up', 'down')
  }

  async cut(): Promise<void> {
    // Whoever healed it hears how that went.
    if (this.#opening !== undefined) await this.#opening.catch(() => {})
    const listener = this.#listener
    this.#listener = undefined
    const closing = listener?.close()
    this.reset()
    await closing
    await Promise.all([...this.#links].map(({ done }) => done))
  }

  async heal(): Promise<void> {
    this.#ways.release()
    if (this.#listener !== undefined || this.#isClosed) return
    this.#opening ??= this.open(this.address).finally(() => (this.#opening = undefined))
    await this.#opening
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.cut()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #serve(listener: Listener): Promise<void> {
    for await (const near of listener) this.#accept(near)
  }

  #accept(near: ByteDuplex): void {
    this.accepted += 1
    const link = new ChaosLink({ near, ways: this.#ways, dial: this.#ends.dial })
    this.#links.add(link)
    void link.done.then(() => this.#links.delete(link))
  }
}
