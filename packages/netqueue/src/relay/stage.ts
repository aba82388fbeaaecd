import { isThenable } from '../queue/thenable.ts'

/** What a stage returns for an item that goes no further: it is settled where it came from, as done. */
export const DROP: unique symbol = Symbol('DROP')

export interface StageContext {
  /** Fires when the item is no longer the relay's to work on. */
  readonly signal: AbortSignal
}

/**
 * Works on each item that passes: what it returns goes on in its place, {@link DROP} nothing. What it throws fails the item: where it came from,
 * one that was put is tried again, and one that was submitted is answered. Items that wait for a promise may be overtaken.
 */
export type Stage<T> = (item: T, context: StageContext) => T | typeof DROP | PromiseLike<T | typeof DROP>

/** What becomes of an item in a stage. */
export interface StageEnd {
  made(item: unknown): void
  failed(error: unknown): void
}

/** Has a stage work on an item; one that returns no promise costs none. */
export function runStage(stage: Stage<unknown>, item: unknown, context: StageContext, end: StageEnd): void {
  let made: unknown
  let isPromise: boolean
  try {
    made = stage(item, context)
    isPromise = isThenable(made)
  } catch (error) {
    return end.failed(error)
  }
  if (!isPromise) return end.made(made)
  void Promise.resolve(made).then(
    (item) => end.made(item),
    (error: unknown) => end.failed(error),
  )
}
