import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { NetQueueError } from '../errors/errors.ts'
import { badAddress } from './address.ts'
import { dial } from './dial.ts'
import { listenerOptionsFrom, serve } from './listener.ts'
import type { ListenerOptions } from './listener.ts'
import { sharedReads, withSharedReads } from './shared-reads.ts'
import { fromSocket } from './socket.ts'
import type { ByteDuplex, DialOptions, Listener, Transport } from './transport.ts'

const SCHEME = 'unix:'
const FORM = 'unix:/path'

/** What the system keeps of a path, its closing zero aside: 108 bytes on Linux, 104 elsewhere. Node cuts longer ones silently. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * Sockets in the file system by `unix:/path`, readable and writable for the owner alone; the file goes when the listener closes.
 * A file that a dead process left is replaced; one that somebody listens on is not. On Windows the path is that of a
 * named pipe (`unix:\\.\pipe\name`), which is untested.
 */
export function unix(options: ListenerOptions = {}): Transport {
  return new UnixTransport(options)
}

class UnixTransport implements Transport {
  readonly form = FORM
  readonly #options: Required<ListenerOptions>

  constructor(options: ListenerOptions) {
    this.#options = listenerOptionsFrom(options)
  }

  accepts(address: string): boolean {
    return address.startsWith(SCHEME)
  }

  async connect(address: string, { signal }: DialOptions = {}): Promise<ByteDuplex> {
    const socket = await dial(address, { ...sharedReads, path: parse(address), allowHalfOpen: true }, signal)
    return fromSocket(socket, { remoteAddress: address })
  }

  async listen(address: string): Promise<Listener> {
    const path = parse(address)
    try {
      return await this.#bind(address, path)
    } catch (error) {
      if (!(await isStale(address, path, error))) throw error
      unlinkSync(path)
      return await this.#bind(address, path)
    }
  }

  exposed(): boolean {
    return false
  }

  async #bind(address: string, path: string): Promise<Listener> {
    const { backlog, maxWaiting } = this.#options
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const bound = (): string => {
      if (process.platform !== 'win32') chmodSync(path, 0o600)
      return address
    }
    return serve(server, {
      address,
      listen: { path, backlog },
      maxWaiting,
      bound,
      wrap: (socket) => fromSocket(withSharedReads(socket), { remoteAddress: address }),
    })
  }
}

function parse(address: string): string {
  const path = address.startsWith(SCHEME) ? address.slice(SCHEME.length) : ''
  if (path === '' || path.includes('\0')) throw badAddress(address, [FORM])
  const bytes = Buffer.byteLength(path)
  if (process.platform === 'win32' || bytes <= MAX_PATH_BYTES) return path
  throw new RangeError(
    `Expected the path in \`address\` to have at most ${MAX_PATH_BYTES} bytes, got ${bytes}: ${JSON.stringify(path)}`,
  )
}

/** Whether the address is taken by a socket file that nobody listens on. An ordinary file refuses connections too, so the kind is asked. */
async function isStale(address: string, path: string, failure: unknown): Promise<boolean> {
  if (causeCode(failure) !== 'EADDRINUSE' || process.platform === 'win32') return false
  try {
    const socket = await dial(address, { path }, undefined)
    socket.destroy()
    return false
  } catch (error) {
    return causeCode(error) === 'ECONNREFUSED' && lstatSync(path).isSocket()
  }
}

function causeCode(error: unknown): string | undefined {
  return error instanceof NetQueueError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
}
