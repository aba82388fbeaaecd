import { NetQueueError } from '../../errors/errors.ts'
import type { ErrorNotice, Handshake, HandshakeInit, HandshakeStep } from '../protocol.ts'
import type { ByteWriter } from './bytes.ts'
import { decodeError, encodeError, refusal } from './error-frame.ts'
import { frameData, frameOf, frameType, FrameType } from './frame-types.ts'
import { decodeHello, decodeWelcome, encodeHello, encodeWelcome, isHello } from './hello.ts'
import type { Welcome } from './hello.ts'
import { NativeWire, unexpected } from './native-wire.ts'
import { OriginalWire } from './original-wire.ts'

type Step = (frame: Uint8Array) => HandshakeStep

abstract class BaseHandshake implements Handshake {
  protected readonly init: HandshakeInit
  protected readonly out: ByteWriter
  protected abstract step: Step

  constructor(init: HandshakeInit, out: ByteWriter) {
    this.init = init
    this.out = out
  }

  abstract start(): Uint8Array[]

  take(frame: Uint8Array): HandshakeStep {
    if (frameType(frame) === FrameType.ERROR) throw refusal(decodeError(frame))
    return this.step(frame)
  }

  error(notice: ErrorNotice): Uint8Array | undefined {
    return encodeError(notice)
  }

  protected hello(): Uint8Array {
    return frameOf(FrameType.CONN, encodeHello(this.init.introduction))
  }

  protected welcome(yourId?: string): Uint8Array {
    return frameOf(FrameType.WELCOME, encodeWelcome(this.init.introduction, this.init.limits, yourId))
  }

  /** Throws `CODEC_MISMATCH` where the two sides would not read each other's items. */
  protected agree(welcome: Welcome): void {
    const { item, result } = this.init.introduction
    for (const [option, ours, theirs] of [
      ['item', item, welcome.item],
      ['result', result, welcome.result],
    ] as const) {
      if (ours === theirs) continue
      const message = `Expected the peer's codec for \`${option}\` to be ${JSON.stringify(ours)}, got ${JSON.stringify(theirs)}`
      throw new NetQueueError('CODEC_MISMATCH', message, { limit: option, value: theirs })
    }
  }
}

/** Speaks first, and only to one of us. */
export class ClientHandshake extends BaseHandshake {
  protected step: Step = (frame) => this.#hello(frame)

  start(): Uint8Array[] {
    return [this.hello()]
  }

  #hello(frame: Uint8Array): HandshakeStep {
    if (frameType(frame) !== FrameType.CONN) throw unexpected(frameType(frame))
    if (!isHello(frameData(frame))) {
      throw new NetQueueError(
        'PROTOCOL_MISMATCH',
        'The server is an original net-queue; connect with `protocol: netQueue()` to talk to it',
      )
    }
    decodeHello(frameData(frame))
    this.step = (next) => this.#welcome(next)
    return { send: [this.welcome()] }
  }

  #welcome(frame: Uint8Array): HandshakeStep {
    if (frameType(frame) !== FrameType.WELCOME) throw unexpected(frameType(frame))
    const welcome = decodeWelcome(frameData(frame))
    this.agree(welcome)
    this.init.identify(welcome.yourId ?? this.init.introduction.id)
    return { send: [], wire: new NativeWire(welcome, welcome.id, this.init.limits, this.out) }
  }
}

/** Listens first, and tells an original from one of us by what its first frame is. */
export class ServerHandshake extends BaseHandshake {
  protected step: Step = (frame) => this.#first(frame)
  #wantedId = ''

  start(): Uint8Array[] {
    return []
  }

  #first(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (type === FrameType.CONN && isHello(frameData(frame))) return this.#hello(frame)
    if (type < FrameType.CONN || type > FrameType.ENQUEUE) throw unexpected(type)
    return { send: [], replay: true, wire: new OriginalWire('server', this.init.identify(''), this.init.limits) }
  }

  #hello(frame: Uint8Array): HandshakeStep {
    this.#wantedId = decodeHello(frameData(frame)).id
    this.step = (next) => this.#welcome(next)
    return { send: [this.hello()] }
  }

  #welcome(frame: Uint8Array): HandshakeStep {
    if (frameType(frame) !== FrameType.WELCOME) throw unexpected(frameType(frame))
    const welcome = decodeWelcome(frameData(frame))
    this.agree(welcome)
    const id = this.init.identify(this.#wantedId)
    return { send: [this.welcome(id)], wire: new NativeWire(welcome, id, this.init.limits, this.out) }
  }
}

/** A client of an original server: CONN, and CONN back. */
export class OriginalHandshake implements Handshake {
  readonly #init: HandshakeInit

  constructor(init: HandshakeInit) {
    this.#init = init
  }

  start(): Uint8Array[] {
    return [frameOf(FrameType.CONN)]
  }

  take(frame: Uint8Array): HandshakeStep {
    if (frameType(frame) !== FrameType.CONN) throw unexpected(frameType(frame))
    const id = this.#init.identify(this.#init.introduction.id)
    return { send: [], wire: new OriginalWire('client', id, this.#init.limits) }
  }

  error(): undefined {}
}
