import type { Headers } from '../../message/headers.ts'

/** What answers a request: nothing, flags, a payload as bytes or as text, or flags and a payload. */
export type Fulfilment = void | number | Uint8Array | string | readonly [flags: number, payload: Uint8Array | string]

/** Where an answer's flags go: the context of a handler. */
export interface Fulfilling {
  setHeaders: (headers: Headers) => void
}

const encoder = new TextEncoder()

/**
 * Makes a handler, for a message whose codec is `bytes()`, of a function that answers as those of cs.packetstream do: with nothing, flags,
 * bytes, text (as UTF-8), or a pair of flags and one of these. Rejects with a `TypeError` for anything else. Throw to say that it failed.
 */
export function fulfil<Payload, Context extends Fulfilling>(
  handler: (payload: Payload, context: Context) => Fulfilment | Promise<Fulfilment>,
): (payload: Payload, context: Context) => Promise<Uint8Array> {
  return async (payload, context) => {
    const { flags, payload: answer } = partsOf(await handler(payload, context))
    if (flags !== undefined) context.setHeaders({ flags: String(flags) })
    return typeof answer === 'string' ? encoder.encode(answer) : answer
  }
}

interface Parts {
  flags?: number
  payload: Uint8Array | string
}

function partsOf(answer: Fulfilment): Parts {
  if (answer === undefined) return { payload: '' }
  if (typeof answer === 'number') return { flags: answer, payload: '' }
  if (typeof answer === 'string' || answer instanceof Uint8Array) return { payload: answer }
  if (isPair(answer)) return { flags: answer[0], payload: answer[1] }
  throw new TypeError(
    `Expected nothing, flags, bytes, text, or [flags, payload] from the handler, got \`${String(answer)}\``,
  )
}

function isPair(answer: unknown): answer is readonly [number, Uint8Array | string] {
  if (!Array.isArray(answer) || answer.length !== 2) return false
  const [flags, payload] = answer as unknown[]
  return typeof flags === 'number' && (typeof payload === 'string' || payload instanceof Uint8Array)
}
