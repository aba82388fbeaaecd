import { badAddress, formatHostPort } from './address.ts'
import type { HostPort } from './address.ts'

export const WEBSOCKET_FORM = 'ws://host:port/path'
const FORMS = [WEBSOCKET_FORM, 'wss://host:port/path']

/** The name of what is spoken, as WebSocket has it; versions are agreed upon behind it. */
export const SUBPROTOCOL = 'netqueue'

export interface WebSocketAddress extends HostPort {
  isSecure: boolean
  /** `/` where none was given; without what follows a `?`. */
  path: string
  /** All of it, as `new WebSocket` takes it. */
  url: string
}

/** Whether an address is one of WebSocket, by its beginning. */
export function isWebSocket(address: string): boolean {
  return /^wss?:\/\//i.test(address)
}

/** Throws a `TypeError` for what is no such address. Names and passwords are none: they would show in every error and log. */
export function parseWebSocket(address: string): WebSocketAddress {
  const parts = isWebSocket(address) ? urlOf(address) : undefined
  if (parts === undefined || parts.hash !== '') throw badAddress(address, FORMS)
  if (parts.username !== '' || parts.password !== '')
    throw new TypeError(
      'Expected `address` to be without a user and a password: `credentials` and `token` are for them',
    )
  const isSecure = parts.protocol === 'wss:'
  return {
    isSecure,
    host: parts.hostname.replaceAll(/[[\]]/g, ''),
    port: parts.port === '' ? (isSecure ? 443 : 80) : Number(parts.port),
    path: parts.pathname,
    url: parts.href,
  }
}

/** The same, with another host or port. */
export function formatWebSocket({ isSecure, path, ...place }: Omit<WebSocketAddress, 'url'>): string {
  return `${isSecure ? 'wss' : 'ws'}://${formatHostPort(place)}${path === '/' ? '' : path}`
}

function urlOf(address: string): URL | undefined {
  try {
    // A port of 0 is no port to a URL of a browser either, but one that the system is to choose.
    return new URL(address)
  } catch {
    return undefined
  }
}
