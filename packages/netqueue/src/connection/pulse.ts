import { afterReading } from '../env/after-reading.ts'
import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'
import type { Limits } from '../options/limits.ts'
import { Deadlines } from '../queue/deadlines.ts'
import type { Timed } from '../queue/deadlines.ts'

/** Looks at a connection in the shortest of the times that are watched: longer ones are over at most an eighth of it too late. */
const LOOKS = 8

export interface PulseInit {
  env: Env
  limits: Pick<Limits, 'handshakeTimeoutMs' | 'heartbeatMs' | 'frameTimeoutMs' | 'sendTimeoutMs'>
  warn: (error: NetQueueError) => void
  /** For how long frames wait for more to share them. @default 0 */
  flushDelayMs?: number
  /** Whether what they say follows from what they hear, and from nothing else, most of the time: a relay's. @default false */
  passesOn?: boolean
}

/**
 * When the connections of one client or server are looked at, and how many looks each limit is. They share timers, none of which is set
 * anew when a frame comes or goes: a look compares numbers with those of the look before. That also makes a process that stood still count
 * one look for all that time, however long it was.
 */
export class Pulse implements Timed {
  readonly limits: PulseInit['limits']
  /** For whatever else has its time: these keep the process alive. */
  readonly deadlines: Deadlines
  /** Looks without a whole frame after which the peer is asked for one, and after which it is lost. */
  readonly looksToPing: number
  readonly looksToLoss: number
  /** Looks that a frame of the peer's may take to come whole, and a frame of ours to be taken. */
  readonly looksOfFrame: number
  readonly looksOfSend: number
  /** For how long frames wait for more to share them. */
  readonly flushDelayMs: number
  /** Whether frames do not even wait for the end of the turn, where they follow from a piece that came in. */
  readonly passesOn: boolean
  readonly #env: Env
  readonly #warn: PulseInit['warn']
  readonly #looks: Deadlines
  readonly #heartbeatMs: number
  readonly #lookMs: number
  #watched = 0
  /** When this should be told of its time, where it is watched whether it is. */
  #due = 0
  #timer: Timer | undefined

  constructor({ env, limits, warn, flushDelayMs = 0, passesOn = false }: PulseInit) {
    const [heartbeatMs, frameTimeoutMs, sendTimeoutMs] = [
      orNever(limits.heartbeatMs),
      orNever(limits.frameTimeoutMs),
      orNever(limits.sendTimeoutMs),
    ]
    this.limits = limits
    this.flushDelayMs = flushDelayMs
    this.passesOn = passesOn
    this.#env = env
    this.#warn = warn
    this.deadlines = new Deadlines(env)
    // Watching alone keeps no process alive.
    this.#looks = new Deadlines(env, { background: true })
    this.#heartbeatMs = heartbeatMs
    this.#lookMs = Math.max(1, Math.min(heartbeatMs, frameTimeoutMs, sendTimeoutMs) / LOOKS)
    this.looksToPing = Math.ceil(heartbeatMs / this.#lookMs)
    this.looksToLoss = Math.ceil((2 * heartbeatMs) / this.#lookMs)
    this.looksOfFrame = Math.ceil(frameTimeoutMs / this.#lookMs)
    this.looksOfSend = Math.ceil(sendTimeoutMs / this.#lookMs)
  }

  /** One more connection is looked at. */
  join(): void {
    this.#watched += 1
    if (this.#watched === 1 && Number.isFinite(this.#heartbeatMs)) this.#listen()
  }

  leave(): void {
    this.#watched -= 1
    if (this.#watched === 0) this.#timer?.cancel()
  }

  /** Tells a connection when it is to be looked at next; never, where nothing is watched. */
  look(whose: Timed): Timer | undefined {
    return this.#lookMs === Number.POSITIVE_INFINITY ? undefined : this.#looks.set(whose, this.#lookMs)
  }

  /** Calls back when what had arrived was looked at. */
  afterReading(callback: () => void): void {
    afterReading(this.#env, callback)
  }

  timeIsUp(): void {
    const late = this.#env.now() - this.#due
    this.#listen()
    if (late > this.#heartbeatMs) this.#warn(stalled(Math.round(late), this.#heartbeatMs))
  }

  #listen(): void {
    this.#due = this.#env.now() + this.#lookMs
    this.#timer = this.#looks.set(this, this.#lookMs)
  }
}

/** 0 turns a limit off. */
function orNever(limitMs: number): number {
  return limitMs === 0 ? Number.POSITIVE_INFINITY : limitMs
}

function stalled(ms: number, heartbeatMs: number): NetQueueError {
  const message = `This process stood still for ${ms} ms; peers take it for lost after two heartbeats (heartbeatMs ${heartbeatMs})`
  return new NetQueueError('STALLED', message, { limit: 'heartbeatMs', value: ms })
}
