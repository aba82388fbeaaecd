import { channel } from 'node:diagnostics_channel'
import { Socket } from 'node:net'
import type { ConnectOpts, OnReadOpts } from 'node:net'
import { unfilled } from '../env/unfilled.ts'
import { MAX_READ_BYTES } from './inlet.ts'
import { lend } from './streams.ts'

/**
 * What all sockets of this process are read into: what came is taken before anything else is read. It is twice as long as a read, so that no
 * piece is most of it, and whoever keeps one keeps a copy (`lasting`).
 */
const { buffer: memory } = unfilled(2 * MAX_READ_BYTES)

/** Only Node's sockets have such a thing. */
const onread: OnReadOpts | undefined =
  'bun' in process.versions || 'deno' in process.versions
    ? undefined
    : { buffer: new Uint8Array(memory, 0, MAX_READ_BYTES), callback: onRead }

/** What came last. Nobody keeps it, and the next read often brings as much. */
let piece: Uint8Array = new Uint8Array(memory)

function onRead(this: unknown, length: number): boolean {
  if (piece.length !== length) piece = new Uint8Array(memory, 0, length)
  lend(this, piece, length === MAX_READ_BYTES)
  return true
}

/**
 * For a socket that is about to connect: it is read into shared memory. Node would make 64 KiB for each read, which a full collection of V8's
 * heap follows sooner or later, and hand them on through a stream.
 */
export const sharedReads: Pick<ConnectOpts, 'onread'> = onread === undefined ? {} : { onread }

/** Who watches the servers of a process is told here of each socket, when it was accepted. */
const accepting = channel('net.server.socket')

interface Internals {
  _handle: object | null
  _server: unknown
}

/**
 * The same for a socket that a server was given and that nobody has read. Node has no option for that: another socket takes the system's handle over, by which
 * its servers and `node:cluster` make theirs.
 */
export function withSharedReads(accepted: Socket): Socket {
  const { _handle: handle, _server: server } = accepted as unknown as Internals
  if (onread === undefined || handle === null) return accepted
  // They are told of this very one, later, and would find it dead.
  if (accepting.hasSubscribers) return accepted
  const socket = new Socket({ onread, handle, allowHalfOpen: true, manualStart: true } as object)
  Object.assign(accepted, { _handle: null, _server: null } satisfies Internals)
  // Which counts its sockets, and is told by each of its end.
  return Object.assign(socket, { _server: server })
}
