import { codeOf } from '../code-of.ts'
import type { NodeLife } from './node-life.ts'
import type { TreeWorld } from './tree-world.ts'

/** A request that goes through a tree. */
export interface Call {
  readonly key: string
  readonly kind: 'quick' | 'slow' | 'fail' | 'hang'
  readonly payload: string
  readonly asker: NodeLife
  /** The one that it is for, where it is for one. */
  readonly to: string | undefined
  begun: number
  isOver: boolean
}

/** With what a request may rightly fail while things do. */
const FAILURES: ReadonlySet<string> = new Set([
  'ABORT',
  'ABORTED',
  'CANCELLED',
  'CLIENT_GONE',
  'CLOSED',
  'CONNECTION_LOST',
  'HANDLER_FAILED',
  'NOT_STREAMED',
  'QUEUE_FULL',
  'RESTART',
  'TIMEOUT',
  'UNKNOWN_REQUEST',
])

/** All requests of one tree: who has begun which, and what came of it. */
export class Calls {
  readonly #world: TreeWorld
  readonly #all: Map<string, Call> = new Map()
  /** Handlers that wait to hear that nobody wants their answer, and sources that are read. */
  readonly #held: Map<object, { life: NodeLife; what: string }> = new Map()

  constructor(world: TreeWorld) {
    this.#world = world
  }

  begin(asker: NodeLife, kind: Call['kind'], to?: string): Call {
    const key = `q${this.#all.size + 1}`
    const call: Call = { key, kind, payload: `${key}|${kind}`, asker, to, begun: 0, isOver: false }
    this.#all.set(key, call)
    return call
  }

  /** Somebody works on it. */
  began(life: NodeLife, payload: string): Call | undefined {
    const call = this.#all.get(payload.slice(0, payload.indexOf('|')))
    this.#world.check(call?.payload === payload, 'I14', `${life.name} was asked ${payload}, which nobody asked`)
    if (call === undefined) return undefined
    call.begun += 1
    this.#world.note(`${life.name} begins ${call.key}`)
    this.#world.check(call.begun === 1, 'I15', `${call.key} was begun ${call.begun} times`)
    this.#world.check(
      call.to === undefined || call.to === life.name,
      'I33',
      `${call.key} is for ${call.to}, not ${life.name}`,
    )
    return call
  }

  answered(call: Call, value: string): void {
    this.over(call)
    this.#world.counts.answers += 1
    this.#world.check(value === `re ${call.payload}`, 'I14', `${call.key} was answered with ${value}`)
    this.#world.check(
      call.kind === 'quick' || call.kind === 'slow',
      'I13',
      `${call.key} has an answer, and is ${call.kind}`,
    )
  }

  failed(call: Call, error: unknown): void {
    this.over(call)
    const { remoteCode } = error as { remoteCode?: string }
    const code = remoteCode ?? codeOf(error)
    const { delivered } = error as { delivered?: string }
    this.#world.counts.failures += 1
    this.#world.check(FAILURES.has(code), 'I13', `${call.key} failed with ${code}: ${String(error)}`)
    const isKnown = code !== 'HANDLER_FAILED' || call.kind === 'fail' || call.kind === 'hang'
    this.#world.check(isKnown, 'I13', `the handler of ${call.key} is said to have failed`)
    this.#world.check(
      delivered !== 'no' || call.begun === 0,
      'I15',
      `${call.key} was begun, and its call says it was not (${code})`,
    )
  }

  over(call: Call): void {
    call.isOver = true
  }

  /** Waits until nobody wants the answer. */
  hang(life: NodeLife, call: Call, signal: AbortSignal): Promise<never> {
    const close = this.opened(life, call.key)
    return new Promise((_, reject) => {
      const stop = (): void => {
        this.#world.counts.cancelsHeard += 1
        close()
        reject(signal.reason as Error)
      }
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** A handler, or a source, that somebody has to end. */
  opened(life: NodeLife, what: string): () => void {
    const ticket = {}
    this.#held.set(ticket, { life, what })
    return () => void this.#held.delete(ticket)
  }

  /** Nobody may be at work for nobody. */
  checkOver(): void {
    for (const { life, what } of this.#held.values())
      this.#world.check(life.process.isDead || life.isClosed, 'I21', `${life.name} is at work on ${what}, for nobody`)
  }
}
