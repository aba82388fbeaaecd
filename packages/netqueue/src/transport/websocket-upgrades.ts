import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { SUBPROTOCOL } from './websocket-address.ts'
import { refusal, refuse } from './websocket-admission.ts'
import type { Origins } from './websocket-admission.ts'
import { WS_LIMITS } from './websocket-ws.ts'

/** A request to upgrade that was granted, and not answered yet. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What came behind the request. */
  readonly head: Buffer
}

const webSockets: WebSocketServer = new WebSocketServer({
  ...WS_LIMITS,
  noServer: true,
  clientTracking: false,
  handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
})

/** Answers a request with an open WebSocket. Rejects when the socket closes instead. */
export function upgraded({ request, socket, head }: Upgrade): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(failure('NO_UPGRADE'))
    socket.once('close', gone)
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('close', gone)
      resolve(webSocket)
    })
  })
}

export interface UpgradesInit {
  /** What requests must ask for. */
  path: string
  origins: Origins | undefined
}

interface Waiter {
  resolve(upgrade: Upgrade): void
  reject(error: unknown): void
  /** Nothing of the request outlives it: a server may have ten thousand connections. */
  forget(): void
}

/** A request has no more than what browsers and proxies put into it; 8 KiB as for the introduction behind it. */
const MAX_HEADER_BYTES = 8_192

/** HTTP on sockets that others accept, up to the request that asks for a WebSocket. Anything else is answered, and its socket closed. */
export class Upgrades {
  readonly #init: UpgradesInit
  readonly #http: Server
  readonly #waiting: WeakMap<Duplex, Waiter> = new WeakMap()

  constructor(init: UpgradesInit) {
    this.#init = init
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 1 })
    this.#http.on('upgrade', (request, socket, head) => this.#asked({ request, socket, head }))
    this.#http.on('request', ({ socket }) => this.#refuse(socket, 426))
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#reject(socket, error)
      // By the answer a client of ours sees that it speaks to HTTP.
      if (socket.writable) refuse(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400)
      else socket.destroy()
    })
  }

  /** Begins to read HTTP from a socket. Rejects when it says something else, is refused, or ends. */
  next(socket: Socket): Promise<Upgrade> {
    return new Promise((resolve, reject) => {
      const gone = (): void => this.#reject(socket, undefined)
      const forget = (): void => {
        this.#waiting.delete(socket)
        socket.off('close', gone)
      }
      this.#waiting.set(socket, { resolve, reject, forget })
      socket.once('close', gone)
      this.#http.emit('connection', socket)
      socket.resume()
    })
  }

  #asked(upgrade: Upgrade): void {
    const { request, socket } = upgrade
    const status = pathOf(request) === this.#init.path ? refusal(request, this.#init.origins) : 404
    if (status !== undefined) return this.#refuse(socket, status)
    const waiter = this.#waiting.get(socket)
    waiter?.forget()
    waiter?.resolve(upgrade)
  }

  #refuse(socket: Duplex, status: number): void {
    this.#reject(socket, failure(`HTTP_${status}`))
    refuse(socket, status)
  }

  #reject(socket: Duplex, reason: unknown): void {
    const waiter = this.#waiting.get(socket)
    waiter?.forget()
    waiter?.reject(reason)
  }
}

export interface RouteInit {
  origins: Origins | undefined
  /** Takes what is granted. */
  take: (upgrade: Upgrade) => void
}

/** The paths that are taken at servers that others have made. */
const routes: WeakMap<Server, Map<string, RouteInit>> = new WeakMap()

/** Gets the requests to upgrade for one path; returns the function that ends that, or `undefined` where somebody else has them. */
export function route(server: Server, path: string, init: RouteInit): (() => void) | undefined {
  const known = routes.get(server) ?? routesOf(server)
  if (known.has(path)) return undefined
  known.set(path, init)
  return () => void known.delete(path)
}

/** One listener for all our paths, which stays: without any, Node would take a request to upgrade for an ordinary one. */
function routesOf(server: Server): Map<string, RouteInit> {
  const known = new Map<string, RouteInit>()
  routes.set(server, known)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const found = known.get(pathOf(request))
    const status = found === undefined ? 404 : refusal(request, found.origins)
    // Where others listen for upgrades, the path may be theirs.
    if (found === undefined && server.listenerCount('upgrade') > 1) return
    socket.on('error', () => socket.destroy())
    if (status === undefined) found?.take({ request, socket, head })
    else refuse(socket, status)
  })
  return known
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}
