import { connect, Socket } from 'node:net'
import { isMainThread, MessagePort, workerData } from 'node:worker_threads'
import { badAddress } from './address.ts'
import { connectFailed, listenFailed } from './failures.ts'
import { fromSocket } from './socket.ts'
import { fromPort } from './stdio-port.ts'
import { fromStreams } from './streams.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from './transport.ts'

const FORM = 'stdio:'

/** Tells a process which of its descriptors is the channel to whoever started it: a socket, full duplex. */
export const CHANNEL_VARIABLE = 'NETQUEUE_STDIO'

/** Where a thread finds its channel in the `workerData` that it was started with: a message port. */
export const CHANNEL_KEY = 'netqueue:stdio'

/**
 * The way to whoever started this process or thread, by `stdio:`. That is the channel which `spawnWorkers` gave it; a process without one
 * has its standard input and output, which then are for nothing else: `console.log` would break them. There is one such connection in the
 * life of a process or thread: who lost it has lost it for good. Nobody can listen there.
 */
export function stdio(): Transport {
  return new StdioTransport()
}

class StdioTransport implements Transport {
  readonly form = FORM
  readonly once = true
  #isTaken = false

  accepts(address: string): boolean {
    return address === FORM
  }

  async connect(address: string, { signal }: DialOptions = {}): Promise<ByteDuplex> {
    if (!this.accepts(address)) throw badAddress(address, [FORM])
    signal?.throwIfAborted()
    if (this.#isTaken) throw connectFailed(address, systemError('EISCONN'))
    const channel = open(address)
    this.#isTaken = true
    return channel
  }

  async listen(address: string): Promise<Listener> {
    if (!this.accepts(address)) throw badAddress(address, [FORM])
    throw listenFailed(address, systemError('EOPNOTSUPP'))
  }

  exposed(): boolean {
    return false
  }
}

function open(address: string): ByteDuplex {
  const remoteAddress = FORM
  try {
    if (!isMainThread) return fromPort(ownPort(), { remoteAddress })
    const descriptor = process.env[CHANNEL_VARIABLE]
    if (descriptor !== undefined) return fromSocket(ownSocket(Number(descriptor)), { remoteAddress })
  } catch (cause) {
    throw connectFailed(address, cause)
  }
  const { stdin: readable, stdout: writable } = process
  // A person sits there, who would be shown bytes.
  if (readable.isTTY || writable.isTTY) throw connectFailed(address, systemError('ENOTCONN'))
  return fromStreams({ readable, writable, remoteAddress })
}

/** A thread's standard streams are its parent's. */
function ownPort(): MessagePort {
  const { [CHANNEL_KEY]: port } = Object(workerData) as Record<string, unknown>
  if (port instanceof MessagePort) return port
  throw systemError('ENOTCONN')
}

/** Processes that this one starts have no such descriptor, so the variable is not for them. */
function ownSocket(descriptor: number): Socket {
  delete process.env[CHANNEL_VARIABLE]
  if (!Number.isInteger(descriptor) || descriptor < 3) throw systemError('EBADF')
  // Bun's sockets take a descriptor only where they connect, Node's only where they are made.
  return 'bun' in process.versions
    ? connect({ fd: descriptor, allowHalfOpen: true } as unknown as { path: string })
    : new Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true })
}

/** The error that the system gives in the same place. */
function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
