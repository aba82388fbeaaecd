import type { FrameLimit, Frames } from '../framing/framing.ts'
import type { Messages } from '../message/messages.ts'
import { ownMessages } from '../message/registry.ts'
import { limitsFrom } from '../options/limits.ts'
import type { Limits } from '../options/limits.ts'
import type { Guard, Handshake, HandshakeStep, Introduction, Role } from '../protocol/handshake.ts'
import type { Message, PeerEnd, Writer } from '../protocol/message.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { Wire } from '../protocol/wire.ts'
import type { Bytes } from '../transport/transport.ts'
import { joined } from '../testing/joined.ts'

/** The most that a side has to say at once, here. */
const MAX_FRAMES = 1_000

/** A message with its items cut out, for comparing. */
export type Heard = Record<string, unknown> & { type: string }

export interface SideOptions {
  role: Role
  protocol: Protocol
  limits?: Partial<Limits> | undefined
  /** Those of both sides. @default none */
  messages?: Messages | undefined
  /** Server: whom it lets in. @default everybody */
  guard?: Guard | undefined
}

/** One side of a conversation without a connection: frames in, frames out. */
export class Side {
  readonly protocol: Protocol
  /** All that the other side said, since both know each other. */
  readonly heard: Heard[] = []
  /** How the other side ended the introduction. */
  end: PeerEnd | undefined
  wire: Wire | undefined
  readonly handshake: Handshake
  readonly #limits: Limits
  readonly #outgoing: Uint8Array[]

  constructor({ role, protocol, limits, messages, guard }: SideOptions) {
    this.protocol = protocol
    this.#limits = limitsFrom(limits, protocol.maxItemBytes)
    this.handshake = protocol.handshake({
      role,
      introduction: () => introductionOf(role, messages),
      limits: this.#limits,
      guard,
      admit: ({ id }) => ({ id: id === '' ? 'somebody' : id }),
    })
    this.#outgoing = this.handshake.start()
    const step = this.handshake.begin?.()
    if (step !== undefined) this.#proceed(step)
  }

  /** Reads one frame; throws what it leads to. */
  take(frame: Uint8Array): void {
    if (this.wire !== undefined) return void this.wire.decode(frame, (message) => this.heard.push(plain(message)))
    const step = this.handshake.take(frame)
    this.#proceed(step)
    if (step.replay === true) this.take(frame)
  }

  /** The frames that are due: those that what is said makes, with those of an introduction before them. */
  frames(say: (writer: Writer) => unknown = () => {}): Uint8Array[] {
    const frames = this.#outgoing.splice(0)
    let isSaid = false
    const fill = (writer: Writer): void => {
      if (!isSaid) say(writer)
      isSaid = true
    }
    for (let frame = this.wire?.encode(fill); frame !== undefined; frame = this.wire?.encode(fill)) {
      frames.push(frame.slice())
      if (frames.length > MAX_FRAMES) throw new Error(`Expected an end of frames, got ${MAX_FRAMES}`)
    }
    return frames
  }

  frameLimit(): FrameLimit {
    return { name: 'maxFrameBytes', bytes: this.#limits.maxFrameBytes }
  }

  #proceed({ send, wire, end, refusal }: HandshakeStep): void {
    this.#outgoing.push(...send)
    if (refusal !== undefined) throw refusal
    this.end = end
    this.wire = wire
  }
}

function introductionOf(role: Role, messages: Messages | undefined): Introduction {
  const nonce = new Uint8Array(16).fill(role === 'client' ? 1 : 2)
  const own = messages === undefined ? {} : { messages: ownMessages({ messages }) }
  return { id: role, item: 'text', result: 'text', tags: [], status: undefined, nonce, ...own }
}

/** Both sides of a conversation. */
export interface Talk {
  client: Side
  server: Side
  /** All frames that each of them sent, in order. */
  sent: Record<Role, Uint8Array[]>
  /** One side says something, and the other hears it; then all that follows is said. */
  say(from: Role, what: (writer: Writer) => unknown): void
}

/** A client and a server that have introduced themselves to each other, if the protocol lets them. */
export function talkOf(
  create: () => Protocol,
  { messages, limits = {} }: { messages?: Messages; limits?: Partial<Record<Role, SideOptions['limits']>> },
): Talk {
  const client = new Side({ role: 'client', protocol: create(), limits: limits.client, messages })
  const server = new Side({ role: 'server', protocol: create(), limits: limits.server, messages })
  const sent: Talk['sent'] = { client: [], server: [] }
  const pass = (from: Role, what?: (writer: Writer) => unknown): boolean => {
    const [speaker, listener] = from === 'client' ? [client, server] : [server, client]
    const frames = speaker.frames(what)
    sent[from].push(...frames)
    for (const frame of frames) listener.take(frame)
    return frames.length > 0
  }
  const settle = (): void => {
    for (let turns = 0; pass('client') || pass('server'); turns += 1)
      if (turns > MAX_FRAMES) throw new Error('Expected an end of what both sides have to say')
  }
  settle()
  return {
    client,
    server,
    sent,
    say: (from, what) => {
      pass(from, what)
      settle()
    },
  }
}

function plain(message: Message): Heard {
  if (message.type !== 'items') return { ...message }
  const { payloads } = message
  return { ...message, payloads: Array.from({ length: payloads.count }, () => payloads.next().slice()) }
}

/** Frames as the bytes of a stream. */
export async function streamOf({ protocol, frameLimit }: Framer, frames: readonly Uint8Array[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of protocol.framing({ limit: frameLimit }).encode(given(frames))) chunks.push(chunk.slice())
  return joined(chunks)
}

export interface Reading {
  /** Whether the stream ends; otherwise it keeps its reader waiting. @default true */
  ends?: boolean
  /** As connections do, or by a loop. @default 'each' */
  by?: 'each' | 'loop'
  take: (frame: Uint8Array) => void
}

/** Hands over each frame in the chunks of a stream; rejects with what they lead to. */
export async function readFrames(
  { protocol, frameLimit }: Framer,
  chunks: readonly Uint8Array[],
  { ends = true, by = 'each', take }: Reading,
): Promise<void> {
  const frames = protocol.framing({ limit: frameLimit }).decode(given(chunks, ends))
  if (by === 'each') return eachOf(frames, take)
  for await (const frame of frames) take(frame.slice())
}

function eachOf(frames: Frames, take: (frame: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const taken = (frame: Bytes): true => {
      take(frame.slice())
      return true
    }
    frames.each({ take: taken, ended: resolve, broke: reject })
  })
}

/** The frames in the chunks of a stream that ends. */
export async function framesOf(
  framer: Framer,
  chunks: readonly Uint8Array[],
  by: Reading['by'] = 'each',
): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  await readFrames(framer, chunks, { by, take: (frame) => frames.push(frame) })
  return frames
}

export interface Framer {
  protocol: Protocol
  frameLimit: () => FrameLimit
}

async function* given(parts: readonly Uint8Array[], ends: boolean = true): AsyncGenerator<Uint8Array> {
  yield* parts
  if (!ends) await new Promise(() => {})
}

/** As the framing of a side sees it. */
export const framer = (side: Side): Framer => ({ protocol: side.protocol, frameLimit: () => side.frameLimit() })
