import { NetQueueError } from '../errors/errors.ts'
import { chooseTransport } from '../transport/address.ts'
import { connectFailed } from '../transport/failures.ts'
import type { ByteDuplex, DialOptions, Transport } from '../transport/index.ts'

/** Where a server is, and the way there. */
export interface Reach {
  /** For people; several stand in for each other. */
  readonly addresses: readonly string[]
  /** Whether there is a way more than once: not so for a duplex that was handed in, and to whoever started this process. */
  readonly isRepeatable: boolean
  dial(address: string, signal: AbortSignal): Promise<ByteDuplex>
}

/** Makes a duplex of bytes, each time anew; the signal fires when nobody waits for it any more. */
export type DuplexMaker = (signal: AbortSignal) => ByteDuplex | PromiseLike<ByteDuplex>

export interface ReachOptions {
  transports: readonly Transport[]
  /** Whether several addresses stand in for each other. */
  failover: boolean
  closeDuplex: boolean
}

/**
 * The servers that an address, or several, stand for. Throws a `TypeError` for an address that no transport reads, for a list that is empty
 * or has one twice, and for a duplex that would stay open though nobody but us has it.
 */
export function reachesOf(
  address: string | readonly string[] | ByteDuplex | DuplexMaker,
  { transports, failover, closeDuplex }: ReachOptions,
  options: Omit<DialOptions, 'signal'>,
): Reach[] {
  if (typeof address === 'function') return [reachThrough(address)]
  if (isDuplex(address)) return [reachBy(address)]
  if (!closeDuplex) throw new TypeError('Expected `closeDuplex: false` to come with a duplex, got an address')
  if (!isList(address)) return [reachOf([address], transports, options)]
  if (address.length === 0 || new Set(address).size < address.length)
    throw new TypeError(`Expected \`address\` to be a list of different addresses, got [${address.join(', ')}]`)
  const servers = failover ? [address] : address.map((each) => [each])
  return servers.map((addresses) => reachOf(addresses, transports, options))
}

/** By the transport that reads the address, each time anew. Throws a `TypeError` for an address that none reads. */
function reachOf(
  addresses: readonly string[],
  transports: readonly Transport[],
  options: Omit<DialOptions, 'signal'>,
): Reach {
  const ways = new Map(addresses.map((address) => [address, chooseTransport(address, transports, options)]))
  const proven = new Set<string>()
  return {
    addresses,
    isRepeatable: ![...ways.values()].every(({ once }) => once),
    dial: async (address, signal) => {
      try {
        const duplex = await (ways.get(address) as Transport).connect(address, { ...options, signal })
        proven.add(address)
        return duplex
      } catch (error) {
        // What led there once is no wrong argument, whatever the transport says: `fetch` gives a `TypeError` where the network is down.
        const isArgument = !proven.has(address) || signal.aborted || error instanceof NetQueueError
        throw isArgument ? error : connectFailed(address, error)
      }
    },
  }
}

/** By a duplex that exists already, once. */
function reachBy(duplex: ByteDuplex): Reach {
  return {
    addresses: [duplex.remoteAddress ?? 'the duplex'],
    isRepeatable: false,
    dial: async () => duplex,
  }
}

/** By duplexes that are made when they are needed. */
function reachThrough(make: DuplexMaker): Reach {
  return {
    addresses: ['the duplex'],
    isRepeatable: true,
    dial: async (address, signal) => {
      try {
        return await make(signal)
      } catch (error) {
        throw error instanceof NetQueueError ? error : connectFailed(address, error)
      }
    },
  }
}

const isDuplex = (address: unknown): address is ByteDuplex =>
  typeof (Object(address) as Partial<ByteDuplex>).sink === 'function'
const isList = (address: string | readonly string[]): address is readonly string[] => Array.isArray(address)
