import type { Env } from './env.ts'

/**
 * Calls back when what had arrived was looked at, before anybody is judged by the clock: a process that stood still finds its timers due before
 * it has read what was sent to it meanwhile. Twice, as what was read in the first round may be the end of what had been waiting.
 */
export function afterReading(env: Env, callback: () => void): void {
  env.afterPoll(() => env.afterPoll(callback))
}
