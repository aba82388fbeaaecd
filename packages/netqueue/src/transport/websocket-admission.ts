import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { SUBPROTOCOL } from './websocket-address.ts'

/** Which pages may connect: their origins (`https://example.org`), or a function that says so. */
export type Origins = readonly string[] | ((origin: string, request: IncomingMessage) => boolean)

/** Why a request to upgrade is refused; `undefined` where it is not. */
export function refusal(request: IncomingMessage, origins: Origins | undefined): number | undefined {
  const { origin, 'sec-websocket-protocol': offered } = request.headers
  if (origin !== undefined && !isWelcome(origin, origins, request)) return 403
  // Whoever offers nothing is no browser, and may not know that it could.
  if (offered !== undefined && !offered.split(',').some((each) => each.trim() === SUBPROTOCOL)) return 400
  return undefined
}

/** Answers a request that is not granted, and ends its socket. */
export function refuse(socket: Duplex, status: number): void {
  const reason = STATUS_CODES[status] ?? ''
  const head = [`HTTP/1.1 ${status} ${reason}`, 'Connection: close', 'Content-Type: text/plain']
  if (status === 426) head.push('Upgrade: websocket')
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`)
}

function isWelcome(origin: string, origins: Origins | undefined, request: IncomingMessage): boolean {
  if (origins === undefined) return isSameOrigin(origin, request)
  if (typeof origins !== 'function') return origins.includes(origin)
  try {
    return origins(origin, request)
  } catch {
    return false
  }
}

/**
 * Whether a page comes from the host that it connects to. Over loopback that host must be one that nobody else can own: a page of somebody
 * else's could have its name stand for this machine while it is open (DNS rebinding).
 */
function isSameOrigin(origin: string, { headers: { host = '' }, socket }: IncomingMessage): boolean {
  if (!URL.canParse(origin) || new URL(origin).host !== host.toLowerCase()) return false
  return !isLoopback(socket.localAddress) || isOwn(new URL(origin).hostname)
}

function isLoopback(address = ''): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address)
}

function isOwn(name: string): boolean {
  return /(^|\.)localhost$/.test(name) || isIP(name.replaceAll(/[[\]]/g, '')) !== 0
}
