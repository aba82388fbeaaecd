import type { Trace } from '../options/logger.ts'
import type { Payloads } from './payloads.ts'
import type { Handshake, HandshakeStep } from './handshake.ts'
import type { Protocol } from './protocol.ts'
import type { Wire } from './wire.ts'

/** What the calls of a {@link Writer} are given that take more than one object, in their order. */
const GIVEN: Readonly<Record<string, readonly string[]>> = {
  credit: ['limit', 'byteLimit', 'received'],
  cancel: ['seq'],
  ping: ['token'],
  pong: ['token'],
  released: ['first', 'last'],
  item: ['seq', 'payload', 'attempt', 'wantsResult'],
  settle: ['outcome', 'ranges'],
  result: ['seq', 'value'],
  failed: ['seq', 'code'],
  reject: ['seq', 'code'],
  extend: ['seq'],
  status: [],
  goaway: ['code'],
}

/** Texts that are no user's. All others are not told, and neither is what a status says. */
const PUBLIC_TEXTS = new Set(['outcome', 'direction', 'code', 'limit', 'label'])

type Fields = Record<string, unknown>

/**
 * A protocol that tells a log of each frame and of each message: what kind it is, its numbers, how many bytes it has, and the labels of
 * requests; never what users send, and no secrets. What a session says that the protocol has no word for is in no frame.
 */
export function traced(protocol: Protocol, trace: Trace | undefined): Protocol {
  if (trace === undefined) return protocol
  return inFrontOf(protocol, {
    handshake: (init) =>
      new TracedHandshake(protocol.handshake(init), init.role === 'client' ? 'server' : 'client', trace),
  })
}

class TracedHandshake implements Handshake {
  /** Missing where the protocol has introductions. */
  readonly begin?: () => HandshakeStep
  readonly #handshake: Handshake
  readonly #peer: string
  readonly #trace: Trace

  constructor(handshake: Handshake, peer: string, trace: Trace) {
    this.#handshake = handshake
    this.#peer = peer
    this.#trace = trace
    if (handshake.begin !== undefined) this.begin = () => this.#stepped(handshake.begin?.() as HandshakeStep)
  }

  start(): Uint8Array[] {
    return this.#said(this.#handshake.start())
  }

  take(frame: Uint8Array): HandshakeStep {
    this.#trace({ peer: this.#peer, frame: frame.length }, 'received introduction')
    return this.#stepped(this.#handshake.take(frame))
  }

  error(notice: Parameters<Handshake['error']>[0]): Uint8Array | undefined {
    return this.#handshake.error(notice)
  }

  disconnect(): Uint8Array | undefined {
    return this.#handshake.disconnect()
  }

  #stepped(step: HandshakeStep): HandshakeStep {
    this.#said(step.send)
    const { wire, later } = step
    return {
      ...step,
      ...(wire !== undefined && { wire: tracedWire(wire, this.#trace) }),
      ...(later !== undefined && { later: later.then((known) => this.#stepped(known)) }),
    }
  }

  #said(frames: Uint8Array[]): Uint8Array[] {
    for (const { length } of frames) this.#trace({ peer: this.#peer, frame: length }, 'sent introduction')
    return frames
  }
}

/** What both directions of a wire say. A wire and its writer have many members, most of which concern nobody here: they are stood in front of. */
function tracedWire(wire: Wire, trace: Trace): Wire {
  const labels = new Map<unknown, unknown>()
  const tell = (what: string, fields: Fields): void => {
    if (what === 'sent request' && fields['label'] !== undefined) labels.set(fields['tag'], fields['label'])
    const label = ABOUT_OURS.has(what) ? labels.get(fields['tag']) : undefined
    if (label !== undefined) labels.delete(fields['tag'])
    trace({ peer: wire.peer.id, ...fields, ...(label !== undefined && { label }) }, what)
  }
  const own: Partial<Wire> = {
    decode: (frame, take) => {
      tell('received frame', { frame: frame.byteLength })
      return wire.decode(frame, (message) => {
        tell(`received ${message.type}`, message.type === 'status' ? {} : fieldsOf(message))
        take(message)
      })
    },
    encode: (fill) => {
      const said: [string, Fields][] = []
      const frame = wire.encode((writer) => fill(inFrontOf(writer, {}, (kind, fields) => said.push([kind, fields]))))
      // A protocol may have no words for what was said.
      if (frame === undefined) return undefined
      for (const [kind, fields] of said) tell(`sent ${kind}`, fields)
      tell('sent frame', { frame: frame.byteLength })
      return frame
    },
    disconnect: () => {
      tell('sent goodbye', {})
      return wire.disconnect()
    },
    error: (notice) => {
      tell('sent error', fieldsOf(notice))
      return wire.error(notice)
    },
  }
  return inFrontOf(wire, own)
}

/** What ends a request of ours, or is the last that is heard of it. */
const ABOUT_OURS = new Set(['received response', 'received refusal', 'sent cancelRequest'])

/** The same object, but for what `own` has in its place; tells of calls that were not answered with `false`. */
function inFrontOf<T extends object>(target: T, own: Partial<T>, tell?: (kind: string, fields: Fields) => void): T {
  return new Proxy(target, {
    get: (_, key): unknown => {
      const member: unknown = Reflect.get(Reflect.has(own, key) ? own : target, key)
      if (typeof member !== 'function') return member
      return (...given: unknown[]): unknown => {
        // Before the call, which may take things out of what it is given.
        const fields = tell && givenTo(String(key), given)
        const result: unknown = Reflect.apply(member, target, given)
        if (fields !== undefined && result !== false) tell?.(String(key), fields)
        return result
      }
    },
  })
}

function givenTo(kind: string, given: readonly unknown[]): Fields {
  const names = GIVEN[kind]
  if (names === undefined) return fieldsOf(given[0] ?? {})
  return fieldsOf(Object.fromEntries(names.map((name, index) => [name, given[index]])))
}

function fieldsOf(message: object): Fields {
  const fields: Fields = {}
  for (const [key, value] of Object.entries(message)) {
    if (value instanceof Uint8Array) fields['bytes'] = value.length
    else if (key === 'payloads') Object.assign(fields, lengthOf(value as Payloads))
    else if (key === 'ranges') fields[key] = String(value)
    else if (/^(number|boolean)$/.test(typeof value) || (typeof value === 'string' && PUBLIC_TEXTS.has(key)))
      fields[key] = value
  }
  return fields
}

const lengthOf = ({ count, bytes }: Payloads): Fields => ({ count, bytes })
