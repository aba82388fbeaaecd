import type { PeerCertificate } from 'node:tls'
import type { Sink, Source } from 'it-stream-types'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { TlsOptions } from './tls-options.ts'

/** What a duplex carries: bytes in pieces of any size. Boundaries mean nothing. */
export type Bytes = Uint8Array | Uint8ArrayList

/** A source that can take back what was read too much, so that a connection that leaves its duplex open leaves all of it. */
export interface ByteSource extends AsyncIterable<Bytes> {
  unread?(bytes: Uint8Array): void
}

/** What is known of who is at the other end of a connection, and of who is on the way. */
export interface Security {
  /** Whether nobody on the way can read or change what is sent. */
  readonly encrypted: boolean
  /** The certificate that the other end has shown, where it was checked and is good; never one that is not. */
  readonly certificate?: PeerCertificate | undefined
}

/**
 * Bytes both ways, as the it-stream family has it; anything of this shape can be a connection.
 *
 * `source` ends when the peer has ended its side, and throws when the connection broke. `sink` takes what is to be sent: it
 * pulls the next piece only when the previous one was taken by the operating system (that is the back-pressure), ends our side
 * when its source ends, and resolves when all of it was handed over; it rejects when the connection broke.
 *
 * Nothing is read before the first `next()` of `source`, and so neither an end nor a break is noticed: read, even where nothing
 * is expected. Leaving `source` (`return()`) drops what still arrives and leaves `sink` as it is; the connection is gone when
 * both sides have ended, or by `abort`. A clean end does not prove that all was sent: the system can hide a reset behind
 * bytes that were not read yet, and has none for unix sockets. Each of the two is used once.
 */
export interface ByteDuplex {
  source: ByteSource
  sink: Sink<Source<Bytes>, Promise<void>>
  /**
   * Where something has to be done before bytes can flow, such as the handshake of TLS at a server: does it, without reading more than it
   * takes; rejects where that fails. Reading and sending begin with it, too. @default there is nothing to do
   */
  open?(): Promise<unknown>
  /** Cuts the connection at once; `source` and `sink` then fail or end. Where it is missing, ending both sides has to do. */
  abort?(reason: Error): void
  /** Resolves when the system has released the connection, behind its end or `abort`. */
  closed?: Promise<void>
  /** Where the other end is, as an address for people and logs. */
  remoteAddress?: string
  /** What is known of the other end and of the way there, once something has come from it. @default nothing: neither is trusted */
  readonly security?: Security | undefined
}

export interface DialOptions {
  /** Ends the attempt with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Local IP address to connect from, or the name of a network interface, such as `eth0`, that is looked up for each attempt (tcp). */
  localAddress?: string | undefined
  /** Local port to connect from (tcp). */
  localPort?: number | undefined
  /** Options of `node:tls`, for an address that is reached by TLS; a `TypeError` for any other. */
  tls?: TlsOptions | undefined
}

export type ListenOptions = Pick<DialOptions, 'tls'>

/** A listener hands out connections as they are made: it is itself an async iterable of them. */
export interface Listener extends AsyncIterable<ByteDuplex> {
  /** The address that peers connect to, with the port that the system chose where 0 was asked for. */
  readonly address: string
  /** Takes no more connections, ends the iteration; those that exist live on. */
  close(): Promise<void>
}

/** One way to reach another process. Connect and listen reject with `CONNECT_FAILED` and `LISTEN_FAILED`; the system's error is the `cause`. */
export interface Transport {
  /** What its addresses look like, for errors: `tcp://host:port`. */
  readonly form: string
  /** Whether each address leads somewhere only once: what is lost then cannot be connected to again. @default false */
  readonly once?: boolean
  /** Whether this transport reads addresses of that form. */
  accepts(address: string): boolean
  /** May wait until the other side {@link ByteDuplex.open | opens} the connection. */
  connect(address: string, options?: DialOptions): Promise<ByteDuplex>
  listen(address: string, options?: ListenOptions): Promise<Listener>
  /** Whether its connections are encrypted, so that it takes `tls`. @default false */
  readonly isSecure?: boolean
  /** Whether a listener takes only peers for whose certificates an authority vouches that was chosen for that. @default nobody is asked */
  identifies?(options?: ListenOptions, address?: string): boolean
  /** Whether a listener at this address can be reached from other machines. */
  exposed(address: string): boolean
}
