/** A timer that has been set. */
export interface Timer {
  /** Does nothing once the timer has fired or was cancelled. */
  cancel(): void
  /** Whether it keeps the process alive from now on. Where a host has this, a timer that nobody needs now can be kept for whoever is next. */
  hold?(isHeld: boolean): void
}

export interface TimerOptions {
  /** The timer alone does not keep the process alive. @default false */
  background?: boolean
}

/**
 * The only door to clocks, timers and chance. Everything above the transports asks here, so that the simulator can run a
 * whole tree of nodes in virtual time and get the same trace from the same seed.
 */
export interface Env {
  /** Milliseconds on a clock that only goes forward; its origin means nothing. */
  now(): number
  /** Calls back once, after `ms` milliseconds; delays beyond 2³¹ − 1 ms are waited out, not fired at once. */
  setTimer(callback: () => void, ms: number, options?: TimerOptions): Timer
  /** Calls back when everything that this event-loop turn started, promises included, has run: what was written meanwhile leaves as one frame. */
  afterTurn(callback: () => void): void
  /**
   * Calls back as soon as the piece that is being read was looked at, before any promise of this turn: for what follows from that alone.
   * Where none is being read, as {@link afterTurn}.
   */
  afterInput(callback: () => void): void
  /** Calls back when what has arrived meanwhile was looked at. */
  afterPoll(callback: () => void): void
  /** From 0 up to, not including, 1. */
  random(): number
  /** Unpredictable bytes, for nonces and ids. */
  randomBytes(length: number): Uint8Array
}
