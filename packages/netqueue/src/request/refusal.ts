import type { Failure } from '../delivery/failure.ts'
import { NetQueueError, RemoteError } from '../errors/errors.ts'
import type { Headers } from '../message/headers.ts'
import { describe } from './conduit.ts'

/** An answer that is none. */
export interface Refusal extends Failure {
  headers: Headers | undefined
  isUnbegun: boolean
}

/**
 * What became of a call that was passed on, for whoever asked. That a neighbour has left, and has not begun it, is between the two: it is told as
 * `gone`, for `CLOSED` would say that this side leaves.
 */
export function refusalOf(error: unknown, { gone }: { gone: string }): Refusal {
  if (!(error instanceof NetQueueError)) return { code: 'CANCELLED', reason: '', headers: undefined, isUnbegun: true }
  const isUnbegun = error.delivered === 'no'
  const said = describe(error)
  const hasLeft = isUnbegun && (said.code === 'CLOSED' || said.code === 'CONNECTION_LOST')
  const code = hasLeft ? gone : codeOf(said.code)
  return { ...said, code, headers: error instanceof RemoteError ? error.headers : undefined, isUnbegun }
}

/** More wait than may: as if more had come than may be open. */
const codeOf = (code: string): string => (code === 'QUEUE_FULL' ? 'TOO_MANY_REQUESTS' : code)
