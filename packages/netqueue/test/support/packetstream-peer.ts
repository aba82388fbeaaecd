import { memoryPair } from '../../src/index.ts'
import type { ByteDuplex } from '../../src/index.ts'
import { readPackets } from '../../src/protocol/packetstream/frame.ts'
import type { Packet } from '../../src/protocol/packetstream/frame.ts'
import { until } from './nodes.ts'

/** A peer of packetstream that is played by hand, and the duplex that leads to it. */
export class HandPlayed {
  readonly duplex: ByteDuplex
  readonly #here: ByteDuplex
  readonly #queue: Uint8Array[] = []
  #more: (() => void) | undefined
  #received = Buffer.alloc(0)
  hasEnded = false

  /** `isDeaf`: it reads nothing. */
  constructor({ isDeaf = false }: { isDeaf?: boolean } = {}) {
    const [here, there] = memoryPair()
    this.#here = here
    this.duplex = there
    void here.sink(this.#outgoing()).catch(() => {})
    if (!isDeaf) void this.#read()
  }

  /** All packets that came, which came whole. */
  get packets(): Packet[] {
    return [...readPackets(new Uint8Array(this.#received))]
  }

  get hex(): string {
    return this.#received.toString('hex')
  }

  send(...hex: string[]): void {
    this.#queue.push(Buffer.from(hex.join(''), 'hex'))
    this.#more?.()
  }

  /** The stream ends, as when its process does. */
  cut(): void {
    this.#here.abort?.(new Error('gone'))
  }

  /** The packets, when there are so many. */
  async heard(count: number): Promise<Packet[]> {
    await until(() => this.packets.length >= count)
    return this.packets
  }

  async #read(): Promise<void> {
    try {
      for await (const chunk of this.#here.source) this.#received = Buffer.concat([this.#received, chunk.slice()])
    } catch {}
    this.hasEnded = true
  }

  async *#outgoing(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#queue.shift()
      if (next !== undefined) yield next
      else await new Promise<void>((resolve) => (this.#more = resolve))
    }
  }
}
