import type { NetQueueError } from 'netqueue'
import type { Patience, Returns, Swarm } from './swarm.ts'
import type { Features } from './talk/features.ts'

/** Why a server may warn of a connection. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set(['CLOSED', 'CONNECTION_LOST', 'HANDSHAKE_TIMEOUT', 'ID_IN_USE'])

/** Whether a warning has a reason in this world. */
export function isWarranted(
  { code, cause }: NetQueueError,
  {
    swarm,
    patience,
    returns,
    features,
    isServer,
  }: {
    swarm: Swarm
    patience: Patience
    returns: Returns | undefined
    features: Features | undefined
    isServer: boolean
  },
): boolean {
  switch (code) {
    case 'STALE_SETTLE':
      return true
    case 'DEAD_LETTER':
      return isServer
    case 'SETTLE_TIMEOUT':
      return isServer && patience.settleTimeoutMs > 0
    case 'HANDLER_FAILED':
      return (
        hasFailed(cause) && (swarm.has.failures || swarm.has.clientPuts || swarm.has.leaving || features !== undefined)
      )
    case 'DECODE_FAILED':
    case 'ENCODE_FAILED':
      return features?.has.unfit === true
    case 'MESSAGE_DROPPED':
      return features !== undefined
    case 'MESSAGES_MISMATCH':
      return isServer && features !== undefined
    case 'STALLED':
      return swarm.has.pauses || swarm.has.serverPauses
    case 'ID_IN_USE':
      // Whoever comes again, and has not heard of the session that it got last, cannot prove that it is its own.
      return returns !== undefined || (isServer && swarm.has.sameIds)
    default:
      return isServer && OF_CONNECTIONS.has(code)
  }
}

/** What our handlers throw, or what they were told; an error of any other kind is a mistake somewhere. */
function hasFailed(cause: unknown): boolean {
  return ['Error', 'NetQueueError', 'RemoteError', 'AbortError'].includes((cause as Error | undefined)?.name ?? 'Error')
}
