import { connect } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { connectFailed } from './failures.ts'

/** A socket that is connected, or nothing left behind. Rejects with `CONNECT_FAILED`, or with the signal's reason. */
export function dial(address: string, options: NetConnectOpts, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = connect(options)
    const settle = (): void => signal?.removeEventListener('abort', onAbort)
    const onAbort = (): void => {
      socket.destroy()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      settle()
      resolve(socket)
    })
    // Stays: an error between here and the next listener must not crash the process.
    socket.on('error', (error) => {
      settle()
      reject(connectFailed(address, error))
    })
  })
}
