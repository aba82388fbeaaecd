import { Queue } from '../queue/queue.ts'
import { connectFailed } from '../transport/failures.ts'
import { memory, memoryPair } from '../transport/memory.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from '../transport/transport.ts'
import { scriptedPeer } from './scripted-peer.ts'
import type { ScriptedPeer } from './scripted-peer.ts'

/**
 * A network on which everybody else is played by hand, in memory. It reads every address: give it as `transports: [network]` to
 * code that connects to `tcp://example.org:7000`.
 */
export interface ScriptedTransport extends Transport {
  /** The addresses that somebody tried to connect to, in order. */
  readonly dialled: readonly string[]
  /** Whether further attempts to connect fail, with `CONNECT_FAILED`. @default false */
  isRefusing: boolean
  /** The other end of the next connection that is made; waits for it. */
  accept(): Promise<ScriptedPeer>
  /** Connects a peer to somebody who listens there. Rejects with `CONNECT_FAILED`. */
  dial(address: string): Promise<ScriptedPeer>
}

export function scriptedTransport(): ScriptedTransport {
  return new Script()
}

const inMemory = (address: string): string => `memory:${address}`

class Script implements ScriptedTransport {
  readonly form = 'any address'
  readonly dialled: string[] = []
  isRefusing = false
  readonly #memory: Transport = memory()
  readonly #peers = new Queue<ScriptedPeer>()

  accepts(address: string): boolean {
    return address !== ''
  }

  exposed(): boolean {
    return false
  }

  async connect(address: string, { signal }: DialOptions = {}): Promise<ByteDuplex> {
    signal?.throwIfAborted()
    this.dialled.push(address)
    if (this.isRefusing)
      throw connectFailed(address, Object.assign(new Error('ECONNREFUSED'), { code: 'ECONNREFUSED' }))
    const [here, there] = memoryPair(address)
    await this.#peers.put(scriptedPeer(there))
    return here
  }

  async listen(address: string): Promise<Listener> {
    const listener = await this.#memory.listen(inMemory(address))
    return {
      address,
      close: () => listener.close(),
      [Symbol.asyncIterator]: () => listener[Symbol.asyncIterator](),
    }
  }

  accept(): Promise<ScriptedPeer> {
    return this.#peers.get()
  }

  async dial(address: string): Promise<ScriptedPeer> {
    return scriptedPeer(await this.#memory.connect(inMemory(address)))
  }
}
