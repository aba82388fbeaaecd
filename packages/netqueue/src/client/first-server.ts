import { onAbort } from '../queue/on-abort.ts'
import type { Uplink } from './uplink.ts'

export interface ConnectOptions {
  signal: AbortSignal | undefined
  /** Whether to go on looking when the first attempts failed. */
  isPatient: boolean
}

export interface FirstOptions extends ConnectOptions {
  /** Whether servers that are lost are looked for. */
  reconnects: boolean
  /** Whether all are over. */
  isOver: () => boolean
}

/** Looks for all of them. Resolves when the first one is connected; rejects when none can be, with why the last one cannot, or with the signal's reason. */
export async function firstOf(all: readonly Uplink[], { signal, ...options }: FirstOptions): Promise<void> {
  let callOff: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    callOff = signal && onAbort(signal, () => reject(signal.reason))
  })
  try {
    await Promise.race([connected(all, options), aborted])
  } finally {
    // Others may still be looked for, and the signal is not about those.
    callOff?.()
  }
}

function connected(all: readonly Uplink[], options: Omit<FirstOptions, 'signal'>): Promise<void> {
  const { isPatient, reconnects, isOver } = options
  const isTireless = isPatient || (all.length > 1 && reconnects)
  const missed = new Set<Uplink>()
  return new Promise((resolve, reject) => {
    const miss = (uplink: Uplink, reason: unknown): void => {
      missed.add(uplink)
      if (isPatient ? isOver() : missed.size === all.length) reject(reason)
    }
    for (const uplink of all)
      uplink
        .begin({ isPatient: isTireless, missed: (reason) => miss(uplink, reason) })
        .then(resolve, (reason: unknown) => miss(uplink, reason))
  })
}
