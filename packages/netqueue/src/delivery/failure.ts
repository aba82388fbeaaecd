import { RemoteError } from '../errors/errors.ts'

/** What a sender is told of a failure. */
export interface Failure {
  /** A short name for programs. */
  code: string
  /** For people; empty where it is not to leave this machine. */
  reason: string
}

/** What may travel as a code: anything else is a text, which could hold secrets. */
const CODE = /^[\w.:-]{1,64}$/

/** What to tell of something that was thrown or given as a reason, whatever it is. */
export function failureOf(
  error: unknown,
  { fallback, exposeErrors }: { fallback: string; exposeErrors: boolean },
): Failure {
  try {
    // What somebody else said is handed on as it came.
    const code = error instanceof RemoteError ? error.remoteCode : (error as { code?: unknown } | null)?.code
    return {
      code: typeof code === 'string' && CODE.test(code) ? code : fallback,
      reason: exposeErrors ? textOf(error) : '',
    }
  } catch {
    return { code: fallback, reason: '' } // it throws when it is looked at: a getter, a proxy
  }
}

function textOf(error: unknown): string {
  if (error instanceof Error) return error.message
  return typeof error === 'string' ? error : ''
}
