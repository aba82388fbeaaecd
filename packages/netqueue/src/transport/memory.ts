import { host } from '../env/host.ts'
import { copyOf } from '../env/views.ts'
import { checkInteger } from '../errors/check.ts'
import { badAddress } from './address.ts'
import { connectFailed, connectionLost, listenFailed } from './failures.ts'
import { ToldInlet } from './inlet.ts'
import type { Inlet } from './inlet.ts'
import { Accepting, listenerDefaults } from './listener.ts'
import type { ListenerOptions } from './listener.ts'
import { Outlet } from './outlet.ts'
import type { Puller } from './pulled.ts'
import type { ByteDuplex, Bytes, DialOptions, Listener, Transport } from './transport.ts'

const SCHEME = 'memory:'
const FORM = 'memory:name'

/** Two ends that answer each other at once would keep the event loop for ever, and no timer would fire. */
const WRITES_IN_A_TURN = 64
const RESOLVED: Promise<void> = Promise.resolve()
/**
 * An item that is most of a short frame is its receiver's with all the memory of that, to transfer to another thread, while a session that may resume
 * still keeps the frame. No item is most of a longer one.
 */
const MAX_COPIED_BYTES = 8_192

/**
 * Connections inside one process by `memory:name`. Each call makes a space of its own: who shall meet shares the transport.
 * A list of pieces is joined, and a piece of up to 8 KiB is copied; a longer one is handed over as it is: do not change what you have sent.
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

class MemoryDuplex extends Outlet implements ByteDuplex {
  readonly remoteAddress: string
  readonly source: Inlet
  #other!: MemoryDuplex
  #writesLeft = WRITES_IN_A_TURN
  /** The other end has not read all that was written. */
  #isBehind = false
  /** The event loop is to have its turn before the next piece is pulled. */
  #isPausing = false

  constructor(remoteAddress: string) {
    super()
    this.remoteAddress = remoteAddress
    this.source = new MemoryInlet(() => this.#other.#wasRead())
  }

  join(other: MemoryDuplex): void {
    this.#other = other
  }

  abort(reason: unknown): void {
    this.#cut(reason)
    this.#other.#cut(connectionLost(this.remoteAddress))
  }

  protected write(bytes: Bytes): boolean {
    this.#other.source.push(bytes instanceof Uint8Array ? handedOver(bytes) : bytes.slice())
    this.#isBehind = this.#other.source.size > 0
    this.#writesLeft -= 1
    if (this.#writesLeft === 0) this.#pause()
    return !this.#isBehind && !this.#isPausing
  }

  protected end(): void {
    this.#other.source.end()
    this.ended()
  }

  #pause(): void {
    this.#writesLeft = WRITES_IN_A_TURN
    this.#isPausing = true
    host.afterPoll(() => {
      this.#isPausing = false
      if (!this.#isBehind) this.taken()
    })
  }

  #cut(reason: unknown): void {
    this.source.cut(reason)
    this.fail(reason)
  }

  #wasRead(): void {
    if (!this.#isBehind || this.#other.source.size > 0) return
    this.#isBehind = false
    if (!this.#isPausing) this.taken()
  }
}

/**
 * What one end writes the other has in a turn of its own, as it has from anywhere else: nothing that it does happens within the write. It is no
 * input that others wait for: two ends that answer at once would go on and on before anybody whose turn ends has his.
 */
class MemoryInlet extends ToldInlet {
  protected override hand(piece: Bytes, puller: Puller): void {
    void RESOLVED.then(() => puller.onPiece(piece))
  }
}

const handedOver = (piece: Uint8Array): Uint8Array => (piece.length > MAX_COPIED_BYTES ? piece : copyOf(piece))

function checkName(address: string): void {
  if (!address.startsWith(SCHEME) || address.length === SCHEME.length) throw badAddress(address, [FORM])
}

/** The error that the system gives in the same place. */
function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
