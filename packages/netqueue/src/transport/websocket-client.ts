import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect, createSecureContext } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { WebSocket } from 'ws'
import { onAbort } from '../queue/on-abort.ts'
import { connectFailed } from './failures.ts'
import { carry, reset } from './socket.ts'
import { clientOptions } from './tls-options.ts'
import type { TlsOptions } from './tls-options.ts'
import type { ByteDuplex } from './transport.ts'
import { SUBPROTOCOL } from './websocket-address.ts'
import type { WebSocketAddress } from './websocket-address.ts'
import { trustIn } from './websocket-served.ts'
import { WS_LIMITS, WsDuplex } from './websocket-ws.ts'

export interface OpenInit {
  address: string
  target: WebSocketAddress
  /** For `wss:`. */
  way: ConnectionOptions | undefined
  signal: AbortSignal | undefined
  remoteAddress: string | undefined
}

/** How a server is reached by TLS. Throws for options that no client can have, and `CONNECT_FAILED` for certificates and keys that are none. */
export function secureWay(address: string, { host }: WebSocketAddress, tls: TlsOptions): ConnectionOptions {
  const options = clientOptions({ ...tls, ALPNProtocols: ['http/1.1'] })
  try {
    const secureContext = options.secureContext ?? createSecureContext(options)
    return { ...options, secureContext, host, servername: tls.servername ?? (isIP(host) === 0 ? host : '') }
  } catch (cause) {
    throw connectFailed(address, cause)
  }
}

/** Asks for a WebSocket on a socket that is connected, and waits for it; or leaves nothing behind. */
export function openWebSocket(
  socket: Socket,
  { address, target, way, signal, remoteAddress }: OpenInit,
): Promise<ByteDuplex> {
  return new Promise((resolve, reject) => {
    if (way !== undefined) carry(socket, null)
    const stream = way === undefined ? socket : connect({ ...way, socket })
    const webSocket = new WebSocket(target.url, [SUBPROTOCOL], { ...WS_LIMITS, createConnection: () => stream })
    const fail = (reason: unknown): void => {
      callOff?.()
      reset(socket)
      reject(reason)
    }
    const failed = (error: unknown): void => fail(connectFailed(address, error))
    const callOff = signal && onAbort(signal, () => fail(signal.reason))
    // Stays until there is a connection: an error behind the first one must not crash the process.
    webSocket.on('error', failed)
    webSocket.once('unexpected-response', (_, { statusCode }) => failed(refused(statusCode)))
    webSocket.once('open', () => {
      callOff?.()
      resolve(new WsDuplex(webSocket, { socket, remoteAddress, security: trustIn(stream) }))
      webSocket.off('error', failed)
    })
    if (signal?.aborted === true) fail(signal.reason)
  })
}

/** The status alone, as the code of an error: what a server says beside it is not looked at. */
function refused(status = 0): Error {
  return Object.assign(new Error('The server did not grant a WebSocket'), { code: `HTTP_${status}` })
}
