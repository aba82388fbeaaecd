import type { Counts } from './counts.ts'
import type { Scene, Violation } from './scene.ts'

export interface Report {
  seed: number
  violation: Violation | undefined
  /** The hash of everything that happened: the same for the same seed. */
  hash: string
  counts: Counts
  /** Simulated milliseconds. */
  took: number
}

/** Has a world played to its end, and says what came of it: whatever nobody expects, and nobody handles, violates something. */
export async function judged(seed: number, scene: Scene, play: () => Promise<void>): Promise<Report> {
  const onUnhandled = (reason: unknown): void =>
    scene.violate('P7', `unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`)
  process.on('unhandledRejection', onUnhandled)
  try {
    await play()
  } catch (error) {
    scene.violate('I12', error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    process.off('unhandledRejection', onUnhandled)
  }
  const { violation, trace, counts, schedule } = scene
  return { seed, violation, hash: trace.digest(), counts, took: schedule.now }
}
