import { memory } from './memory.ts'
import { stdio } from './stdio.ts'
import { tcp } from './tcp.ts'
import { tls } from './tls.ts'
import type { Transport } from './transport.ts'
import { unix } from './unix.ts'

export { chooseTransport } from './address.ts'
export type { ListenerOptions } from './listener.ts'
export { memory, memoryPair } from './memory.ts'
export { stdio } from './stdio.ts'
export { fromStreams } from './streams.ts'
export type { StreamPair } from './streams.ts'
export { tcp } from './tcp.ts'
export type { Lookup } from './internet.ts'
export type { TcpOptions } from './tcp.ts'
export { tls } from './tls.ts'
export type { TlsOptions } from './tls-options.ts'
export type { TlsTransportOptions } from './tls.ts'
export type { ByteDuplex, Bytes, DialOptions, Listener, ListenOptions, Security, Transport } from './transport.ts'
export { unix } from './unix.ts'

/** What `listen` and `connect` use unless they are given others; its `memory:` names are shared within the process, as ports are within a machine. */
export const defaultTransports: readonly Transport[] = [tcp(), tls(), unix(), memory(), stdio()]
