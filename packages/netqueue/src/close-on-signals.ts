import { hostSignals } from './env/host.ts'
import { checkMs, checkStrings } from './errors/check.ts'

/** A client or a server, as far as signals matter to it. */
export interface Closable<Options> {
  close(options?: Options): Promise<unknown>
  /** Resolves when it is closed. */
  readonly closed: Promise<unknown>
}

export interface SignalOptions {
  /** Names of the signals. @default ['SIGINT', 'SIGTERM']: Ctrl-C, and what supervisors send */
  signals?: readonly string[]
}

/**
 * Closes a client or a server when the process is told to end. The first signal calls `close` with the options that stand beside `signals`;
 * the program ends by itself when nothing else keeps it, with the exit code that it has. A second one ends it at once, as the signal
 * does where nobody listens. Nothing is listened to any more when the peer is closed, however that came about, or when the function that
 * is returned was called. Does nothing on hosts without signals.
 */
export function closeOnSignals<Options extends { timeout?: number }>(
  peer: Closable<Options>,
  options: SignalOptions & Options = {} as SignalOptions & Options,
): () => void {
  const { signals = ['SIGINT', 'SIGTERM'], ...how } = options
  checkStrings('signals', signals)
  if (how.timeout !== undefined) checkMs('timeout', how.timeout)
  let isClosing = false
  const heard = (signal: string): void => {
    if (isClosing) {
      stop()
      return hostSignals?.raise(signal)
    }
    isClosing = true
    void peer.close(how as unknown as Options)
  }
  const listening = signals.map((signal) => hostSignals?.on(signal, () => heard(signal)))
  const stop = (): void => {
    for (const off of listening) off?.()
  }
  void peer.closed.then(stop)
  return stop
}
