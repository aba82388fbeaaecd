import { once } from 'node:events'
import { connect as connectSocket, createServer } from 'node:net'
import type { AddressInfo, Server as SocketServer, Socket } from 'node:net'

import { memoryPair } from '../../src/index.ts'
import type { ByteDuplex } from '../../src/index.ts'

/** A frame as it came, without its length. */
export interface RawFrame {
  type: number
  data: Buffer
}

/** The other end of a stream, played by hand: it knows lengths and types of frames, and nothing else of ours. */
export class RawPeer {
  readonly frames: RawFrame[] = []
  /** All that came. */
  received = Buffer.alloc(0)
  hasEnded = false
  readonly #write: (bytes: Uint8Array) => void
  readonly #end: () => void
  readonly #cut: () => void
  #socket: Socket | undefined
  #rest = Buffer.alloc(0)
  #news: (() => void)[] = []

  constructor(how: { write: (bytes: Uint8Array) => void; end: () => void; cut: () => void }) {
    this.#write = how.write
    this.#end = how.end
    this.#cut = how.cut
  }

  /** A peer on a socket. */
  static on(socket: Socket): RawPeer {
    const peer = new RawPeer({
      write: (bytes) => void socket.write(bytes),
      end: () => void socket.end(),
      cut: () => void socket.destroy(),
    })
    peer.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => peer.#take(bytes))
    socket.on('error', () => {})
    for (const event of ['end', 'close']) socket.on(event, () => peer.#ended())
    return peer
  }

  /** A peer that connects to `tcp://host:port`. */
  static async dial(address: string | undefined): Promise<RawPeer> {
    const { hostname, port } = new URL(address ?? '')
    const socket = connectSocket({ host: hostname, port: Number(port), allowHalfOpen: true })
    await once(socket, 'connect')
    return RawPeer.on(socket)
  }

  /** A peer in memory, and the duplex that leads to it. */
  static inMemory(): { peer: RawPeer; duplex: ByteDuplex } {
    const [here, duplex] = memoryPair()
    const queue: Uint8Array[] = []
    let isOver = false
    let wake = (): void => {}
    const change = (make: () => void): void => {
      make()
      wake()
    }
    const peer = new RawPeer({
      write: (bytes) => change(() => queue.push(bytes)),
      end: () => change(() => (isOver = true)),
      cut: () => here.abort?.(new Error('cut')),
    })
    async function* outgoing(): AsyncGenerator<Uint8Array> {
      for (;;) {
        const next = queue.shift()
        if (next !== undefined) yield next
        else if (isOver) return
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    }
    const reading = async (): Promise<void> => {
      for await (const chunk of here.source) peer.#take(Buffer.from(chunk.slice()))
    }
    void here.sink(outgoing()).catch(() => {})
    void reading().then(
      () => peer.#ended(),
      () => peer.#ended(),
    )
    return { peer, duplex }
  }

  send(...parts: (string | Uint8Array)[]): void {
    this.#write(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part))))
  }

  end(): void {
    this.#end()
  }

  cut(): void {
    this.#cut()
  }

  /** Stops reading, so that what comes fills the buffers of the system. */
  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** The next frame that came; waits for it. Throws at the end of the stream. */
  async next(): Promise<RawFrame> {
    for (;;) {
      const frame = this.frames.shift()
      if (frame !== undefined) return frame
      if (this.hasEnded) throw new Error('Expected a frame, the stream ended')
      await this.#change()
    }
  }

  /** Waits for the end of the stream; returns the frames that came before it. */
  async untilEnd(): Promise<RawFrame[]> {
    while (!this.hasEnded) await this.#change()
    return this.frames.splice(0)
  }

  /** Waits until something is so, asking whenever something came. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.hasEnded) throw new Error(`Expected this to become so before the end: ${isSo.toString()}`)
      await this.#change()
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#news.push(resolve))
  }

  #take(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes])
    this.#rest = Buffer.concat([this.#rest, bytes])
    while (this.#rest.byteLength >= 4 && this.#rest.byteLength >= 4 + this.#rest.readUInt32BE(0)) {
      const end = 4 + this.#rest.readUInt32BE(0)
      this.frames.push({ type: this.#rest.readUInt16BE(4), data: this.#rest.subarray(6, end) })
      this.#rest = this.#rest.subarray(end)
    }
    this.#tell()
  }

  #ended(): void {
    this.hasEnded = true
    this.#tell()
  }

  #tell(): void {
    for (const resolve of this.#news.splice(0)) resolve()
  }
}

/** A server that is played by hand. */
export class RawServer implements AsyncDisposable {
  readonly #server: SocketServer
  readonly #sockets: Socket[] = []
  readonly #peers: RawPeer[] = []
  #waiting: ((peer: RawPeer) => void)[] = []

  private constructor(server: SocketServer) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.push(socket)
      const peer = RawPeer.on(socket)
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#peers.push(peer)
      else waiting(peer)
    })
  }

  static async listen(): Promise<RawServer> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new RawServer(server)
  }

  get address(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The next connection. */
  async accept(): Promise<RawPeer> {
    return this.#peers.shift() ?? (await new Promise((resolve) => this.#waiting.push(resolve)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
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
