import { NetQueueError } from '../errors/errors.ts'
import { memory } from './memory.ts'
import type { Transport } from './transport.ts'
import { websocket } from './websocket-browser.ts'

// What `#transport` is in a browser: the same names as in index.ts, and nothing of Node behind them. A test compares the two.

export { chooseTransport } from './address.ts'
export { memory, memoryPair } from './memory.ts'
export { fromWebStreams as fromStreams } from './web-streams.ts'

/** Code that is shared with servers may name these; a browser has none of them. Each throws `UNSUPPORTED`. */
export const tcp: () => never = missing('tcp')
export const tls: () => never = missing('tls')
export const unix: () => never = missing('unix')
export const stdio: () => never = missing('stdio')

/** What `listen` and `connect` use in a browser unless they are given others. */
export const defaultTransports: readonly Transport[] = [websocket(), memory()]

function missing(name: string): () => never {
  return () => {
    throw new NetQueueError('UNSUPPORTED', `${name}() needs Node: a browser reaches servers by ws:// and wss:// alone`)
  }
}
