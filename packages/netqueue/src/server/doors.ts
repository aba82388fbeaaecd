import { NetQueueError } from '../errors/errors.ts'
import type { ServerOptions } from './server-options.ts'
import { chooseTransport, defaultTransports } from '#transport'
import type { Listener, Transport } from '../transport/index.ts'

/** Where clients come in. */
export interface Doors {
  readonly listeners: readonly Listener[]
  /** Whether some of them let nobody pass who has shown no good certificate. */
  readonly hasCertificates: boolean
}

type DoorOptions = Pick<ServerOptions<never, never>, 'transports' | 'insecure' | 'token' | 'authenticate' | 'tls'>

/** An address, and what listens there. */
interface Place {
  readonly address: string
  readonly transport: Transport
  /** Whether it lets nobody pass who has shown no good certificate. */
  readonly hasCertificates: boolean
}

/** Listens at all of the addresses, or at none: each is checked before the first is opened. Throws as `listen` does. */
export async function openDoors(addresses: readonly string[], options: DoorOptions): Promise<Doors> {
  const places = placesOf(addresses, options)
  for (const place of places) checkGuarded(place, options)
  const listeners: Listener[] = []
  try {
    for (const { transport, address } of places)
      listeners.push(await transport.listen(address, { tls: transport.isSecure === true ? options.tls : undefined }))
  } catch (error) {
    await closeAll(listeners)
    throw error
  }
  return { listeners, hasCertificates: places.some(({ hasCertificates }) => hasCertificates) }
}

export async function closeAll(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()))
}

/** Options of TLS need an address that has a use for them, not each one. */
function placesOf(addresses: readonly string[], { transports = defaultTransports, tls }: DoorOptions): Place[] {
  if (addresses.length === 0) throw new TypeError('Expected `address` to have at least one address, got an empty list')
  const chosen = addresses.map((address) => chooseTransport(address, transports))
  const isUsed = chosen.some(({ isSecure }) => isSecure === true)
  if (!isUsed) chooseTransport(addresses[0] as string, transports, { tls })
  return chosen.map((transport, index) => {
    const address = addresses[index] as string
    return { address, transport, hasCertificates: transport.identifies?.({ tls }, address) === true }
  })
}

function checkGuarded({ address, transport, hasCertificates }: Place, options: DoorOptions): void {
  const { insecure = false, token, authenticate } = options
  const isGuarded = token !== undefined || authenticate !== undefined || hasCertificates
  if (!transport.exposed(address) || isGuarded || insecure) return
  const message = `${address} can be reached from other machines and nothing authenticates clients; set \`token\` or \`authenticate\`, or \`insecure: true\` to listen all the same`
  throw new NetQueueError('INSECURE_LISTEN', message, { limit: 'insecure', value: address })
}
