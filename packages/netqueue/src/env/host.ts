import type { Env, Timer, TimerOptions } from './env.ts'
import type { Signals } from './signals.ts'

/** The longest delay that the host's timers take; they fire at once beyond it. */
const MAX_DELAY_MS = 2 ** 31 - 1

type Handle = ReturnType<typeof setTimeout>

/** What a timer has beside where timers keep the process alive; in browsers they are numbers. */
interface Held {
  ref?(): void
  unref?(): void
}

class HostTimer implements Timer {
  #handle: Handle | undefined
  #background: boolean

  constructor(callback: () => void, ms: number, background: boolean) {
    this.#background = background
    this.#arm(callback, ms)
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }

  hold(isHeld: boolean): void {
    this.#background = !isHeld
    const handle = this.#handle as Held
    if (isHeld) handle.ref?.()
    else handle.unref?.()
  }

  #arm(callback: () => void, ms: number): void {
    const delay = Math.min(ms, MAX_DELAY_MS)
    this.#handle = setTimeout(() => (ms > delay ? this.#arm(callback, ms - delay) : callback()), delay)
    if (this.#background) this.hold(false)
  }
}

type Deferring = (callback: () => void) => void

/** One end of a `MessageChannel`, as browsers have it. */
interface Port {
  addEventListener(type: 'message', listener: () => void): void
  start(): void
  postMessage(message: unknown): void
}

/**
 * The next turn of the event loop, where nothing else gives it (browsers): by a message to oneself. A timer that is set by a timer waits for 4 ms
 * there, and one in a tab that nobody looks at for a second.
 */
function byMessages(): Deferring {
  const due: (() => void)[] = []
  let port: Port | undefined
  const open = (): Port => {
    const { port1, port2 } = new MessageChannel() as unknown as { port1: Port; port2: Port }
    port1.addEventListener('message', () => due.shift()?.())
    port1.start()
    return port2
  }
  return (callback) => {
    due.push(callback)
    port ??= open()
    port.postMessage(undefined)
  }
}

const afterPoll: Deferring =
  typeof setImmediate === 'function' ? (callback) => void setImmediate(callback) : byMessages()

// A microtask first, then the tick queue: Node runs it when every promise of this turn has settled, and before it
// polls for I/O again. Hosts without a tick queue (browsers) get a second macrotask instead.
const nextTick: Deferring | undefined = globalThis.process?.nextTick
const afterMicrotasks: Deferring = nextTick ?? afterPoll

const RESOLVED: Promise<void> = Promise.resolve()
/** Looked up once: as a global of Node it is a getter, which costs more than the clock. */
const clock: { now(): number } = performance

/** Who is called back at the end of this turn. */
let due: (() => void)[] = []

/** All together: a closure, a promise and a tick for each would be a good part of what a short frame costs. */
function afterTurn(run: () => void): void {
  // Not by queueMicrotask(), which makes an async resource for each call.
  if (due.push(run) === 1) void RESOLVED.then(endTurn)
}

const endTurn = (): void => afterMicrotasks(callBack)

function callBack(): void {
  const now = due
  due = []
  callAll(now)
}

function callAll(callbacks: readonly (() => void)[]): void {
  let begun = 0
  try {
    while (begun < callbacks.length) callbacks[begun++]?.()
  } finally {
    // One that throws ends the process, or is somebody's to handle: the others are called all the same.
    while (begun < callbacks.length) afterTurn(callbacks[begun++] as () => void)
  }
}

/** Who is called back behind the piece that is being looked at; `undefined` while none is. */
let inputDue: (() => void)[] | undefined
let isTaking = false

function afterInput(run: () => void): void {
  if (inputDue === undefined) afterTurn(run)
  else inputDue.push(run)
}

/**
 * Hands over a piece that has just come in, then calls back who waits for that. What comes in meanwhile, by pipes that hand on at once, is part
 * of it; what the callbacks bring about waits for the end of the turn, so that two ends in one process leave the event loop its own.
 */
export function takeInput<Piece>(taker: { onPiece(piece: Piece): void }, piece: Piece): void {
  if (isTaking) return taker.onPiece(piece)
  const behind: (() => void)[] = []
  inputDue = behind
  isTaking = true
  try {
    taker.onPiece(piece)
  } finally {
    inputDue = undefined
    endInput(behind)
  }
}

function endInput(behind: readonly (() => void)[]): void {
  try {
    callAll(behind)
  } finally {
    isTaking = false
  }
}

/** The machine that this process runs on. */
export const host: Env = {
  now: () => clock.now(),
  setTimer: (callback: () => void, ms: number, { background = false }: TimerOptions = {}) =>
    new HostTimer(callback, ms, background),
  afterTurn,
  afterInput,
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
