import type { Random } from './random.ts'
import type { Process, Schedule } from './schedule.ts'

/** How the bytes of one direction travel. */
export interface Shape {
  /** Milliseconds. */
  minLatency: number
  maxLatency: number
  /** The chance that a write arrives in several pieces. */
  slicing: number
  /** Bytes that are taken from the writer before the reader has read them. */
  windowBytes: number
}

/** Writes of one side within one event. */
const MAX_BURST = 500

export interface PipeInit {
  schedule: Schedule
  random: Random
  shape: Shape
  writer: Process
  reader: Process
  written: (bytes: Uint8Array) => void
  read: (length: number) => void
  /** The connection is broken, for the reader. */
  failed: () => void
  /** The writer writes without end. */
  runaway: () => void
}

type Piece = { kind: 'bytes'; bytes: Uint8Array } | { kind: 'end' } | { kind: 'fail' }
type Result = IteratorResult<Uint8Array, undefined>

/** One direction of a simulated connection: bytes arrive late, in pieces, in order; or not at all, once it was cut. */
export class Pipe {
  /** What is written goes nowhere, and nobody is told. */
  isCut = false
  /** Nothing arrives before this time. */
  stalledUntil = 0
  /** The reader has seen the end. */
  isEnded = false
  readonly #init: PipeInit
  #flight: { piece: Piece; at: number }[] = []
  readonly #arrived: Uint8Array[] = []
  #failure: Error | undefined
  #isUnwanted = false
  #unread = 0
  #lastArrival = 0
  #reader: { resolve: (result: Result) => void; reject: (error: Error) => void } | undefined
  #blocked: (() => void)[] = []
  #burst = { event: 0, writes: 0 }

  constructor(init: PipeInit) {
    this.#init = init
  }

  /** Takes bytes; a promise where the window is full. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#isRunaway()) return new Promise(() => {})
    this.#init.written(bytes)
    if (this.isCut) return undefined
    this.#unread += bytes.byteLength
    for (const piece of this.#slice(bytes)) this.#send({ kind: 'bytes', bytes: piece })
    if (this.#unread <= this.#init.shape.windowBytes) return undefined
    return new Promise((resolve) => this.#blocked.push(resolve))
  }

  end(): void {
    if (!this.isCut) this.#send({ kind: 'end' })
  }

  /** Loses what is under way, but for a part of its beginning; the reader learns of it after `ms`, or never. */
  cut(how: 'end' | 'fail' | 'silent', ms: number = 0): void {
    const { random } = this.#init
    if (!this.isCut) {
      const survivors = random.chance(0.5) ? random.below(this.#flight.length + 1) : 0
      this.#flight.length = survivors
      const last = this.#flight.at(-1)?.piece
      if (last?.kind === 'bytes' && random.chance(0.5))
        last.bytes = last.bytes.subarray(0, random.below(last.bytes.length))
    }
    this.isCut = true
    if (how !== 'silent') this.#send({ kind: how }, ms)
  }

  /** Whether something has arrived that its reader was not given. */
  get waits(): boolean {
    const { now } = this.#init.schedule
    const [next] = this.#flight
    const isDue = next?.piece.kind === 'bytes' && next.at <= now && this.stalledUntil <= now
    return this.#arrived.length > 0 || isDue
  }

  next(): Promise<Result> {
    const bytes = this.#arrived.shift()
    if (bytes !== undefined) return Promise.resolve(this.#hand(bytes))
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.isEnded) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }))
  }

  /** The rest is not wanted. */
  return(): Promise<Result> {
    this.#isUnwanted = true
    this.#arrived.length = 0
    this.#reader?.resolve({ done: true, value: undefined })
    this.#reader = undefined
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Reading fails from now on, and what has arrived is lost. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#arrived.length = 0
    this.#reader?.reject(error)
    this.#reader = undefined
  }

  /** A writer that writes on and on within one event would never let another begin. */
  #isRunaway(): boolean {
    const { schedule, runaway } = this.#init
    if (this.#burst.event !== schedule.ran) this.#burst = { event: schedule.ran, writes: 0 }
    this.#burst.writes += 1
    if (this.#burst.writes <= MAX_BURST) return false
    runaway()
    return true
  }

  #send(piece: Piece, ms: number = 0): void {
    const { schedule, random, shape, reader } = this.#init
    const at = schedule.now + ms + random.between(shape.minLatency, shape.maxLatency)
    this.#lastArrival = Math.max(at, this.#lastArrival, this.stalledUntil)
    this.#flight.push({ piece, at: this.#lastArrival })
    schedule.after(this.#lastArrival - schedule.now, reader, () => this.#arrive())
  }

  #arrive(): void {
    const { schedule, reader } = this.#init
    const next = this.#flight[0]
    if (next === undefined || this.#failure !== undefined) return
    if (this.stalledUntil > schedule.now && !this.isCut) {
      schedule.after(this.stalledUntil - schedule.now, reader, () => this.#arrive())
      return
    }
    this.#flight.shift()
    if (next.piece.kind === 'fail') return this.#init.failed()
    if (next.piece.kind === 'end') return this.#end()
    const { bytes } = next.piece
    if (bytes.byteLength === 0) return
    if (this.#isUnwanted) return this.#acknowledge(bytes.byteLength)
    if (this.#reader === undefined) {
      this.#arrived.push(bytes)
      return
    }
    const { resolve } = this.#reader
    this.#reader = undefined
    resolve(this.#hand(bytes))
  }

  #end(): void {
    this.isEnded = true
    this.#reader?.resolve({ done: true, value: undefined })
    this.#reader = undefined
  }

  #hand(bytes: Uint8Array): Result {
    this.#init.read(bytes.byteLength)
    this.#acknowledge(bytes.byteLength)
    return { done: false, value: bytes }
  }

  /** The writer may go on a little later. */
  #acknowledge(length: number): void {
    const { schedule, shape, writer } = this.#init
    this.#unread -= length
    if (this.#blocked.length === 0 || this.#unread > shape.windowBytes) return
    const blocked = this.#blocked
    this.#blocked = []
    schedule.after(shape.minLatency, writer, () => {
      for (const resolve of blocked) resolve()
    })
  }

  #slice(bytes: Uint8Array): Uint8Array[] {
    const { random, shape } = this.#init
    const copy = bytes.slice()
    if (copy.byteLength < 2 || !random.chance(shape.slicing)) return [copy]
    const cuts = Array.from({ length: random.integer(1, 3) }, () => random.integer(1, copy.byteLength - 1))
    const bounds = [0, ...cuts.toSorted((a, b) => a - b), copy.byteLength]
    return bounds.slice(1).map((end, index) => copy.subarray(bounds[index], end))
  }
}
