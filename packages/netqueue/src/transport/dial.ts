import { connect } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { NetQueueError } from '../errors/errors.ts'
import { onAbort } from '../queue/on-abort.ts'
import { connectFailed } from './failures.ts'

/** So long an address is tried alone; then the next one is tried beside it. Source: RFC 8305, "Happy Eyeballs" */
const HEAD_START_MS = 250

/** A socket that is connected, or nothing left behind. Rejects with `CONNECT_FAILED`, or with the signal's reason. */
export function dial(address: string, options: NetConnectOpts, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = connect(options)
    // What is read into memory is lent once: somebody must be there first.
    if (options.onread !== undefined) socket.pause()
    const callOff =
      signal &&
      onAbort(signal, () => {
        socket.destroy()
        reject(signal.reason)
      })
    socket.once('connect', () => {
      callOff?.()
      resolve(socket)
    })
    // Stays: an error between here and the next listener must not crash the process.
    socket.on('error', (error) => {
      callOff?.()
      reject(connectFailed(address, error))
    })
  })
}

export interface DialAllInit {
  /** What is connected to, for people. */
  address: string
  /** Where it may be, in the order in which that is tried. */
  places: readonly NetConnectOpts[]
  signal: AbortSignal | undefined
  /** Whether two may be tried at a time: not so from a given local port. */
  isPatient: boolean
}

/**
 * The first of several places that can be connected to: each is tried when the one before has failed, or keeps us waiting. Nothing is left
 * behind of the others. Rejects when all have failed, with all their errors in the `cause`.
 */
export async function dialAll({ address, places, signal, isPatient }: DialAllInit): Promise<Socket> {
  const [first] = places
  if (first === undefined) throw connectFailed(address, Object.assign(new Error('No address'), { code: 'ENOTFOUND' }))
  if (places.length === 1) return dial(address, first, signal)
  signal?.throwIfAborted()
  const stop = new AbortController()
  const callOff = signal && onAbort(signal, () => stop.abort(signal.reason))
  try {
    return await race(address, places, stop.signal, isPatient ? undefined : HEAD_START_MS)
  } finally {
    callOff?.()
    // Whoever came too late is cut.
    stop.abort()
  }
}

function race(
  address: string,
  places: readonly NetConnectOpts[],
  signal: AbortSignal,
  headStartMs: number | undefined,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const failures: unknown[] = []
    let begun = 0
    let timer: NodeJS.Timeout | undefined
    const failed = (error: unknown): void => {
      failures.push(error)
      if (signal.aborted) reject(signal.reason as Error)
      else if (failures.length === places.length) reject(connectFailed(address, allOf(failures)))
      else begin()
    }
    const begin = (): void => {
      clearTimeout(timer)
      const place = places[begun]
      if (place === undefined || signal.aborted) return
      begun += 1
      dial(address, place, signal).then(resolve, failed)
      if (headStartMs !== undefined && begun < places.length) timer = setTimeout(begin, headStartMs)
    }
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
    begin()
  })
}

/** The system's errors, under the code of the first. */
function allOf(failures: readonly unknown[]): AggregateError {
  const causes = failures.map((failure) => (failure instanceof NetQueueError ? failure.cause : failure))
  const { code } = (causes[0] ?? {}) as { code?: unknown }
  return Object.assign(new AggregateError(causes, 'No address of this name can be connected to'), { code })
}
