import { connect } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { onAbort } from '../queue/on-abort.ts'
import { connectFailed } from './failures.ts'

/** A socket that is connected, or nothing left behind. Rejects with `CONNECT_FAILED`, or with the signal's reason. */
export function dial(address: string, options: NetConnectOpts, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = connect(options)
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
