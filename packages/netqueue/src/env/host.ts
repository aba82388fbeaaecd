import type { Env, Timer, TimerOptions } from './env.ts'
import type { Signals } from './signals.ts'

/** The longest delay that the host's timers take; they fire at once beyond it. */
const MAX_DELAY_MS = 2 ** 31 - 1

type Handle = ReturnType<typeof setTimeout>

class HostTimer implements Timer {
  #handle: Handle | undefined
  readonly #background: boolean

  constructor(callback: () => void, ms: number, background: boolean) {
    this.#background = background
    this.#arm(callback, ms)
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }

  #arm(callback: () => void, ms: number): void {
    const delay = Math.min(ms, MAX_DELAY_MS)
    this.#handle = setTimeout(() => (ms > delay ? this.#arm(callback, ms - delay) : callback()), delay)
    if (this.#background) (this.#handle as { unref?: () => void }).unref?.()
  }
}

// A microtask first, then the tick queue: Node runs it when every promise of this turn has settled, and before it
// polls for I/O again. Hosts without a tick queue (browsers) get a second macrotask instead.
const nextTick: ((callback: () => void) => void) | undefined = globalThis.process?.nextTick
const afterMicrotasks = nextTick === undefined ? (callback: () => void) => void setTimeout(callback, 0) : nextTick

// Hosts without it (browsers) have timers, which wait a little longer.
const afterPoll: (callback: () => void) => void =
  typeof setImmediate === 'function'
    ? (callback) => void setImmediate(callback)
    : (callback) => void setTimeout(callback, 0)

const RESOLVED: Promise<void> = Promise.resolve()

/** The machine that this process runs on. */
export const host: Env = {
  now: () => performance.now(),
  setTimer: (callback: () => void, ms: number, { background = false }: TimerOptions = {}) =>
    new HostTimer(callback, ms, background),
  // Not by queueMicrotask(), which makes an async resource for each call.
  afterTurn: (run: () => void) => void RESOLVED.then(() => afterMicrotasks(run)),
  afterPoll,
  random: Math.random,
  randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
}

const { process: own } = globalThis as { process?: Partial<NodeJS.Process> }

/** The signals of this process; `undefined` where the host has none (browsers). */
export const hostSignals: Signals | undefined =
  own?.on === undefined || own.kill === undefined
    ? undefined
    : {
        on: (name, listener) => {
          process.on(name, listener)
          return () => void process.off(name, listener)
        },
        raise: (name) => void process.kill(process.pid, name),
      }
