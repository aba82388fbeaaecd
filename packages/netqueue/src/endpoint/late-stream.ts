import type { Sender } from '../delivery/delivery.ts'
import { Errand } from './errand.ts'
import type { Request, Seeker } from './errand.ts'
import { NetQueueError } from '../errors/errors.ts'
import { onAbort } from '../queue/on-abort.ts'
import type { Exchange } from '../request/exchange.ts'
import { busy } from '../request/failures.ts'
import { dropBody } from '../request/outflow.ts'

export type Stream = AsyncIterableIterator<unknown, undefined>

type Result = IteratorResult<unknown, undefined>

interface Reader {
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

const DONE: Result = { done: true, value: undefined }

/** A stream of whoever begins it. Who is to do so is decided when the first chunk is asked for: who is free before may not be so then. */
export class LateStream<W> extends Errand<W, void> implements Stream {
  #state: 'new' | 'seeking' | 'begun' | 'over' = 'new'
  /** Of whoever was asked last. */
  #stream: Stream | undefined
  /** Who waits for the first chunk. */
  #reader: Reader | undefined
  #search: AbortController | undefined
  #callOff: (() => void) | undefined

  /** `first`: who is asked first, where that is known already; then what is wrong with the request is thrown here. */
  constructor(seeker: Seeker<W>, request: Request, first?: W) {
    super(seeker, request)
    if (first === undefined) return
    this.whom = first
    this.#stream = this.#streamOf(seeker.exchangeOf(first))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#state === 'begun' && this.#stream !== undefined) return this.#stream.next()
    if (this.#state === 'over') return Promise.resolve(DONE)
    if (this.#state === 'seeking') return Promise.reject(busy())
    this.#state = 'seeking'
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      if (this.#stream === undefined) this.seek().catch((error: unknown) => this.#failed(error))
      else this.#read(this.#stream)
    })
  }

  async return(): Promise<Result> {
    const isNew = this.#state === 'new'
    this.#state = 'over'
    this.#search?.abort(new NetQueueError('CLOSED', 'The stream was left'))
    this.#take()?.resolve(DONE)
    if (isNew && this.#stream === undefined) dropBody(this.request.options.body)
    return (await this.#stream?.return?.()) ?? DONE
  }

  override elsewhere(cause: NetQueueError, deadline: number | undefined): Promise<void> | undefined {
    const found = super.elsewhere(cause, deadline)
    found?.catch((error: unknown) => this.#failed(error))
    return found
  }

  protected override get signal(): AbortSignal {
    const { signal } = this.request.options
    const search = (this.#search ??= new AbortController())
    if (signal !== undefined) this.#callOff ??= onAbort(signal, () => search.abort(signal.reason))
    return search.signal
  }

  protected begin(exchange: Exchange<Sender>): Promise<void> {
    const stream = this.#streamOf(exchange)
    this.#stream = stream
    this.#read(stream)
    return Promise.resolve()
  }

  #streamOf(exchange: Exchange<Sender>): Stream {
    const { name, payload, options } = this.request
    return exchange.stream(name, payload, options, this)
  }

  /** Where somebody else is asked, what is read here never comes. */
  #read(stream: Stream): void {
    stream.next().then(
      (result) => this.#came(result),
      (error: unknown) => this.#failed(error),
    )
  }

  #came(result: Result): void {
    if (this.#state === 'seeking') this.#state = 'begun'
    this.#take()?.resolve(result)
  }

  #failed(error: unknown): void {
    this.#state = 'over'
    this.#take()?.reject(error)
  }

  /** The search is over. */
  #take(): Reader | undefined {
    const reader = this.#reader
    this.#reader = undefined
    this.#callOff?.()
    this.#callOff = undefined
    return reader
  }
}
