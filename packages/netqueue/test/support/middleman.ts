import type { ByteDuplex } from '../../src/index.ts'
import type { Way } from './cable.ts'
import { frame, RawPeer } from './raw-peer.ts'
import type { RawFrame } from './raw-peer.ts'

/** What becomes of a frame: it goes on as it is or otherwise, or is dropped. */
export type Change = (frame: RawFrame, way: Way) => RawFrame | undefined

/** Whoever sits between a client and a server, reads all frames, and passes on what it likes. */
export class Middleman {
  /** For the client, and for the server. */
  readonly here: ByteDuplex
  readonly there: ByteDuplex
  /** Frames that have come, as they were. */
  readonly seen: (RawFrame & { way: Way })[] = []
  readonly #sides: { up: RawPeer; down: RawPeer }

  constructor(change: Change = (same) => same) {
    const [client, server] = [RawPeer.inMemory(), RawPeer.inMemory()]
    this.here = client.duplex
    this.there = server.duplex
    this.#sides = { up: client.peer, down: server.peer }
    void this.#relay('up', client.peer, server.peer, change)
    void this.#relay('down', server.peer, client.peer, change)
  }

  cut(): void {
    this.#sides.up.cut()
    this.#sides.down.cut()
  }

  async #relay(way: Way, from: RawPeer, to: RawPeer, change: Change): Promise<void> {
    try {
      for (;;) {
        const came = await from.next()
        this.seen.push({ ...came, way })
        const passed = change(came, way)
        if (passed !== undefined) to.send(frame(passed.type, passed.data))
      }
    } catch {
      to.end()
    }
  }
}
