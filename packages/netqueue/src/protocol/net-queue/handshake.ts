import { NetQueueError } from '../../errors/errors.ts'
import { mismatch, ownMessages, Registry } from '../../message/registry.ts'
import type { Limits } from '../../options/limits.ts'
import type { ErrorNotice, Handshake, HandshakeInit, HandshakeStep, Introduction } from '../protocol.ts'
import { decodeError, encodeError } from './error-frame.ts'
import { frameData, frameOf, frameType, FrameType } from './frame-types.ts'
import { decodeHello, encodeHello, isHello } from './hello.ts'
import { NativeWire, unexpected } from './native-wire.ts'
import { OriginalWire, statusFrame } from './original-wire.ts'
import { decodeWelcome, encodeWelcome } from './welcome.ts'
import type { Agreement, Welcome } from './welcome.ts'
import type { Workspace } from './workspace.ts'

const isOriginalType = (type: number): boolean => type >= FrameType.CONN && type <= FrameType.ENQUEUE

/** What a side has that says nothing of messages. */
const NO_MESSAGES = ownMessages({})

/** How a peer may end the introduction at any time, once it has begun. */
function endOf(frame: Uint8Array): HandshakeStep | undefined {
  if (frameType(frame) === FrameType.DISCONN) return { send: [], end: { type: 'disconnect' } }
  if (frameType(frame) === FrameType.ERROR) return { send: [], end: decodeError(frame) }
  return undefined
}

/** The other side's terms; throws for every other frame. */
function welcomeOf(frame: Uint8Array, from: 'client' | 'server'): Welcome {
  if (frameType(frame) !== FrameType.WELCOME) throw unexpected(frameType(frame))
  return decodeWelcome(frameData(frame), from)
}

/** `CODEC_MISMATCH` where the two sides would not read each other's items, `MESSAGES_MISMATCH` where they would not their messages. */
function disagreement(introduction: Introduction, welcome: Welcome): NetQueueError | undefined {
  const { messages = NO_MESSAGES } = introduction
  return codecMismatch(introduction, welcome) ?? mismatch(messages, welcome.announcement)
}

function codecMismatch(introduction: Introduction, welcome: Welcome): NetQueueError | undefined {
  const option = (['item', 'result'] as const).find((name) => introduction[name] !== welcome[name])
  if (option === undefined) return undefined
  const [ours, theirs] = [introduction[option], welcome[option]]
  const message = `Expected the peer's codec for \`${option}\` to be ${JSON.stringify(ours)}, got ${JSON.stringify(theirs)}`
  return new NetQueueError('CODEC_MISMATCH', message, { limit: option, value: theirs })
}

/** Of two sides that do not disagree. */
function agreement({ messages = NO_MESSAGES }: Introduction, welcome: Welcome): Agreement {
  return { ...welcome, registry: new Registry(messages, welcome.announcement) }
}

const helloFrame = (introduction: Introduction): Uint8Array => frameOf(FrameType.CONN, encodeHello(introduction))

const welcomeFrame = (introduction: Introduction, limits: Limits, yourId?: string): Uint8Array =>
  frameOf(FrameType.WELCOME, encodeWelcome(introduction, limits, yourId))

/** Speaks first, and only to one of us. */
export class ClientHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #introduction: Introduction
  readonly #workspace: Workspace
  readonly #hello: Uint8Array
  readonly #welcome: Uint8Array
  /** The server's id, once it has said hello. */
  #serverId: string | undefined

  /** Throws for an introduction that does not fit. */
  constructor(init: HandshakeInit, workspace: Workspace) {
    this.#init = init
    this.#workspace = workspace
    this.#introduction = init.introduction()
    this.#hello = helloFrame(this.#introduction)
    this.#welcome = welcomeFrame(this.#introduction, init.limits)
  }

  start(): Uint8Array[] {
    return [this.#hello]
  }

  take(frame: Uint8Array): HandshakeStep {
    return endOf(frame) ?? (this.#serverId === undefined ? this.#greet(frame) : this.#agree(frame, this.#serverId))
  }

  /** A peer that is no netqueue/1 server does not know ERROR. */
  error(notice: ErrorNotice): Uint8Array {
    return notice.code === 'PROTOCOL_MISMATCH' ? this.disconnect() : encodeError(notice)
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }

  #greet(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type !== FrameType.CONN || !isHello(frameData(frame))) {
      throw new NetQueueError(
        'PROTOCOL_MISMATCH',
        'The server is an original net-queue; connect with `protocol: netQueue()` to talk to it',
      )
    }
    this.#serverId = decodeHello(frameData(frame)).id
    return { send: [this.#welcome] }
  }

  #agree(frame: Uint8Array, serverId: string): HandshakeStep {
    const welcome = welcomeOf(frame, 'server')
    const refusal = disagreement(this.#introduction, welcome)
    if (refusal !== undefined) return { send: [], refusal }
    this.#init.identify(welcome.yourId ?? this.#introduction.id)
    return {
      send: [],
      wire: new NativeWire(agreement(this.#introduction, welcome), serverId, this.#init.limits, this.#workspace),
    }
  }
}

/** Listens first, and tells an original from one of us by what its first frame is. */
export class ServerHandshake implements Handshake {
  readonly #init: HandshakeInit
  readonly #workspace: Workspace
  /** What was said to a client of our kind, and the id that it asked for. */
  #greeted: { introduction: Introduction; wanted: string } | undefined

  constructor(init: HandshakeInit, workspace: Workspace) {
    this.#init = init
    this.#workspace = workspace
  }

  start(): Uint8Array[] {
    return []
  }

  take(frame: Uint8Array): HandshakeStep {
    if (this.#greeted === undefined) return this.#first(frame)
    return endOf(frame) ?? this.#agree(frame, this.#greeted)
  }

  error(notice: ErrorNotice): Uint8Array {
    return encodeError(notice)
  }

  disconnect(): Uint8Array | undefined {
    return this.#greeted === undefined ? undefined : frameOf(FrameType.DISCONN)
  }

  #first(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type === FrameType.CONN && isHello(frameData(frame))) return this.#greet(frame)
    return { send: [], replay: true, wire: new OriginalWire('server', this.#init.identify(''), this.#init.limits) }
  }

  #greet(frame: Uint8Array): HandshakeStep {
    const wanted = decodeHello(frameData(frame)).id
    const introduction = this.#init.introduction()
    this.#greeted = { introduction, wanted }
    return { send: [helloFrame(introduction)] }
  }

  /** A client whose codecs or messages differ gets our WELCOME all the same, so that both sides can name both. */
  #agree(frame: Uint8Array, { introduction, wanted }: { introduction: Introduction; wanted: string }): HandshakeStep {
    const welcome = welcomeOf(frame, 'client')
    const refusal = disagreement(introduction, welcome)
    const id = this.#init.identify(wanted)
    const send = [welcomeFrame(introduction, this.#init.limits, id)]
    if (refusal !== undefined) return { send, refusal }
    return { send, wire: new NativeWire(agreement(introduction, welcome), id, this.#init.limits, this.#workspace) }
  }
}

/** A client of an original server: CONN, and whatever comes back. An original may send an item before its CONN. */
export class OriginalHandshake implements Handshake {
  readonly #init: HandshakeInit

  constructor(init: HandshakeInit) {
    this.#init = init
  }

  start(): Uint8Array[] {
    return [frameOf(FrameType.CONN)]
  }

  take(frame: Uint8Array): HandshakeStep {
    const type = frameType(frame)
    if (!isOriginalType(type)) throw unexpected(type)
    if (type === FrameType.DISCONN) return { send: [], end: { type: 'disconnect' } }
    const { introduction, identify, limits } = this.#init
    const { id, status } = introduction()
    return {
      send: status === undefined ? [] : [statusFrame(status)],
      replay: true,
      wire: new OriginalWire('client', identify(id), limits),
    }
  }

  error(): Uint8Array {
    return this.disconnect()
  }

  disconnect(): Uint8Array {
    return frameOf(FrameType.DISCONN)
  }
}
