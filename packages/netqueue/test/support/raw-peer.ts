import { memoryPair, tcp } from '../../src/index.ts'
import type { ByteDuplex, Listener } from '../../src/index.ts'
import { HandPlayedPeer } from '../../src/testing/scripted-peer.ts'
import { chooseTransport } from '../../src/transport/address.ts'
import { attacked } from './attacked.ts'

/** A frame as it came, without its length. */
export interface RawFrame {
  type: number
  data: Buffer
}

/** The other end of a stream, played by hand. */
export class RawPeer extends HandPlayedPeer {
  declare readonly frames: RawFrame[]
  declare next: () => Promise<RawFrame>
  declare untilEnd: () => Promise<RawFrame[]>

  /** A peer that connects to `tcp://host:port`, or over what is attacked. */
  static async dial(address: string = ''): Promise<RawPeer> {
    return new RawPeer(await chooseTransport(address, [tcp(), ...attacked.transports]).connect(address))
  }

  /** A peer in memory, and the duplex that leads to it. */
  static inMemory(): { peer: RawPeer; duplex: ByteDuplex } {
    const [here, duplex] = memoryPair()
    return { peer: new RawPeer(here), duplex }
  }

  override get received(): Buffer {
    return super.received as Buffer
  }

  protected override view({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
    return Buffer.from(buffer, byteOffset, byteLength)
  }
}

/** A server that is played by hand. */
export class RawServer implements AsyncDisposable {
  readonly #listener: Listener
  readonly #peers: RawPeer[] = []

  private constructor(listener: Listener) {
    this.#listener = listener
  }

  static async listen(): Promise<RawServer> {
    return new RawServer(await tcp().listen('tcp://127.0.0.1:0'))
  }

  get address(): string {
    return this.#listener.address
  }

  /** The next connection. */
  async accept(): Promise<RawPeer> {
    const { value } = (await this.#listener[Symbol.asyncIterator]().next()) as { value: ByteDuplex }
    const peer = new RawPeer(value)
    this.#peers.push(peer)
    return peer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) peer.cut()
    await this.#listener.close()
  }
}

export const FRAME = {
  CONN: 1,
  DISCONN: 2,
  STATUS: 3,
  PING: 4,
  PONG: 5,
  ENQUEUE: 6,
  AUTH: 16,
  WELCOME: 17,
  ERROR: 18,
  BATCH: 19,
  ACK: 20,
} as const

/** A frame in hex, from its type and its data. */
export function frame(type: number, data: string | Uint8Array = ''): string {
  const bytes = Buffer.from(data)
  const head = Buffer.alloc(6)
  head.writeUInt32BE(2 + bytes.byteLength)
  head.writeUInt16BE(type, 4)
  return head.toString('hex') + bytes.toString('hex')
}

/** A HELLO, as data of CONN. */
export function hello(id: string): Uint8Array {
  return Buffer.concat([
    Buffer.from('6e6574710d0a1a0a01010000', 'hex'),
    Buffer.alloc(16, 7),
    Buffer.of(id.length),
    Buffer.from(id),
  ])
}

/** A WELCOME's JSON, with codecs `text` unless told otherwise. */
export function welcome(id: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: 1,
    id,
    item: 'text',
    result: 'text',
    limits: { frameBytes: 65_536, itemBytes: 32_768, unsettled: 1_024 },
    ...more,
  })
}

/** Plays the introduction of a client, with more in its WELCOME; resolves when the server has sent its first BATCH. */
export async function introduce(peer: RawPeer, id: string = 'raw', more: Record<string, unknown> = {}): Promise<void> {
  peer.send(frame(FRAME.CONN, hello(id)))
  expectType(await peer.next(), FRAME.CONN)
  peer.send(frame(FRAME.WELCOME, welcome(id, more)))
  expectType(await peer.next(), FRAME.WELCOME)
  expectType(await peer.next(), FRAME.BATCH)
}

function expectType({ type, data }: RawFrame, expected: number): void {
  if (type !== expected)
    throw new Error(`Expected a frame of type ${expected}, got ${type}: ${data.toString('latin1')}`)
}
