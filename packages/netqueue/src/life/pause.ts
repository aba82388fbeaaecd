import type { Env } from '../env/env.ts'
import { onAbort } from '../queue/on-abort.ts'

/** Resolves after so many milliseconds; rejects with the signal's reason when that fires first. */
export function pause(env: Env, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const timer = env.setTimer(() => {
      callOff()
      resolve()
    }, ms)
    const callOff = onAbort(signal, () => {
      timer.cancel()
      reject(signal.reason as Error)
    })
  })
}
