import type { Failure } from '../delivery/failure.ts'
import { NetQueueError, RemoteError } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import { describe } from './conduit.ts'

/** An answer that is none. */
export interface Refusal extends Failure {
  headers: Headers | undefined
  isUnbegun: boolean
}

/** What became of a call that was passed on, for whoever asked. What only two neighbours say to each other is not passed on. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof NetQueueError)) return { code: 'CANCELLED', reason: '', headers: undefined, isUnbegun: true }
  const isUnbegun = error.delivered === 'no'
  if (error instanceof RemoteError) {
    const isNeighbourly = isUnbegun && error.remoteCode === 'CLOSED'
    const code = isNeighbourly ? 'UNKNOWN_REQUEST' : error.remoteCode
    return { ...describe(error), code, headers: error.headers, isUnbegun }
  }
  return { code: codeOf(error), reason: '', headers: undefined, isUnbegun }
}

function codeOf({ code, delivered }: NetQueueError): string {
  if (code === 'QUEUE_FULL') return 'TOO_MANY_REQUESTS'
  return code === 'CONNECTION_LOST' && delivered === 'no' ? 'UNKNOWN_REQUEST' : code
}
