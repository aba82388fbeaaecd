import { host } from '../env/host.ts'
import { checkInteger } from '../errors/check.ts'
import { badAddress } from './address.ts'
import { connectFailed, connectionLost, listenFailed } from './failures.ts'
import { Inlet } from './inlet.ts'
import { Accepting, listenerDefaults } from './listener.ts'
import type { ListenerOptions } from './listener.ts'
import { Outlet } from './outlet.ts'
import type { ByteDuplex, Bytes, DialOptions, Listener, Transport } from './transport.ts'

const SCHEME = 'memory:'
const FORM = 'memory:name'

/** Two ends that answer each other at once would keep the event loop for ever, and no timer would fire. */
const WRITES_IN_A_TURN = 64

/**
 * Connections inside one process by `memory:name`. Each call makes a space of its own: who shall meet shares the transport.
 * A list of pieces is joined; one piece is handed over as it is, not copied: do not change what you have sent.
 */
export function memory(options: Pick<ListenerOptions, 'maxWaiting'> = {}): Transport {
  return new MemoryTransport(options.maxWaiting ?? listenerDefaults.maxWaiting)
}

/** Two ends that are connected to each other. */
export function memoryPair(remoteAddress: string = SCHEME): [ByteDuplex, ByteDuplex] {
  const one = new MemoryDuplex(remoteAddress)
  const other = new MemoryDuplex(remoteAddress)
  one.join(other)
  other.join(one)
  return [one, other]
}

class MemoryTransport implements Transport {
  readonly form = FORM
  readonly #maxWaiting: number
  readonly #listeners = new Map<string, Accepting>()

  constructor(maxWaiting: number) {
    checkInteger('maxWaiting', maxWaiting, 1)
    this.#maxWaiting = maxWaiting
  }

  accepts(address: string): boolean {
    return address.startsWith(SCHEME)
  }

  async connect(address: string, { signal }: DialOptions = {}): Promise<ByteDuplex> {
    checkName(address)
    signal?.throwIfAborted()
    const listener = this.#listeners.get(address)
    if (listener === undefined) throw connectFailed(address, systemError('ECONNREFUSED'))
    const [here, there] = memoryPair(address)
    listener.accept(there)
    return here
  }

  async listen(address: string): Promise<Listener> {
    checkName(address)
    if (this.#listeners.has(address)) throw listenFailed(address, systemError('EADDRINUSE'))
    const stop = (): void => void this.#listeners.delete(address)
    const listener = new Accepting({ address, maxWaiting: this.#maxWaiting, stop })
    this.#listeners.set(address, listener)
    return listener
  }

  exposed(): boolean {
    return false
  }
}

class MemoryDuplex implements ByteDuplex {
  readonly remoteAddress: string
  readonly source: Inlet
  readonly sink: ByteDuplex['sink']
  readonly #outlet: Outlet
  #other!: MemoryDuplex
  #taken: (() => void) | undefined
  #writesLeft = WRITES_IN_A_TURN

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress
    this.source = new Inlet(() => this.#other.#onTaken())
    this.#outlet = new Outlet({
      write: (bytes) => this.#write(bytes),
      end: () => this.#other.source.end() as undefined,
      abort: (reason) => this.abort(reason),
    })
    this.sink = this.#outlet.sink
  }

  join(other: MemoryDuplex): void {
    this.#other = other
  }

  abort(reason: unknown): void {
    this.#fail(reason)
    this.#other.#fail(connectionLost(this.remoteAddress))
  }

  #fail(reason: unknown): void {
    this.source.cut(reason)
    this.#outlet.fail(reason)
  }

  #write(bytes: Bytes): Promise<void> | undefined {
    this.#other.source.push(bytes instanceof Uint8Array ? bytes : bytes.slice())
    const taken = this.#other.source.size === 0 ? undefined : new Promise<void>((resolve) => (this.#taken = resolve))
    this.#writesLeft -= 1
    return this.#writesLeft > 0 ? taken : this.#nextTurn(taken)
  }

  /** Gives the event loop its turn before the next piece is pulled. */
  async #nextTurn(taken: Promise<void> | undefined): Promise<void> {
    this.#writesLeft = WRITES_IN_A_TURN
    await new Promise<void>((resolve) => host.afterPoll(resolve))
    await taken
  }

  #onTaken(): void {
    if (this.#other.source.size === 0) this.#taken?.()
  }
}

function checkName(address: string): void {
  if (!address.startsWith(SCHEME) || address.length === SCHEME.length) throw badAddress(address, [FORM])
}

/** The error that the system gives in the same place. */
function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
