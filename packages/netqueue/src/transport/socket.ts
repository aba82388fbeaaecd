import type { Socket } from 'node:net'
import { StreamDuplex } from './streams.ts'
import type { ByteDuplex } from './transport.ts'

export interface SocketInit {
  remoteAddress: string | undefined
}

/**
 * A connected socket, made with `allowHalfOpen`, as a connection. It is closed by the system when both sides have ended,
 * or by `abort`. An abort resets TCP, so that the other side sees an error; the system has no such thing for unix sockets, where
 * the other side sees an end, and cannot always tell it when unread bytes wait there: only a frame that is cut short is sure to show it.
 */
export function fromSocket(socket: Socket, { remoteAddress }: SocketInit): ByteDuplex {
  return new SocketDuplex({ readable: socket, writable: socket, remoteAddress })
}

class SocketDuplex extends StreamDuplex {
  declare protected readonly readable: Socket

  get closed(): Promise<void> {
    const socket = this.readable
    return new Promise((resolve) => void (socket.closed ? resolve() : socket.once('close', () => resolve())))
  }

  protected override cut(): void {
    const socket = this.readable
    if (socket.destroyed) return
    // Node loses the descriptor of a socket that is reset while its FIN is on the way (EINVAL).
    const ending = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
    const isTcp = socket.remoteFamily !== undefined
    if (isTcp && !ending) socket.resetAndDestroy()
    else socket.destroy()
  }
}
