import type { WaitOptions } from '../queue/pending.ts'
import { checkWait } from '../queue/pending.ts'
import type { Delivery, Sender } from './delivery.ts'
import type { Inbox } from './inbox.ts'
import { Loop } from './loop.ts'
import type { LoopOptions } from './loop.ts'
import { Process } from './process.ts'
import type { Handler, ProcessOptions } from './process.ts'

/** How a client and a server take what the other side sent: by loop, by handler, or one by one. */
export abstract class Consumer<T, Result = unknown, From extends Sender = Sender> implements AsyncIterable<T> {
  readonly #inbox: Inbox

  protected constructor(inbox: Inbox) {
    this.#inbox = inbox
  }

  /**
   * Items, each settled when the next one is asked for. Leaving the loop, however, releases the current item: it is delivered
   * again. Loops that may stop early or that batch use {@link deliveries}. Overlapping `next()` rejects with `ITERATOR_BUSY`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.items()
  }

  /** As `for await` over the client or server itself, with a signal. */
  items({ signal }: LoopOptions = {}): AsyncIterableIterator<T> {
    return new Loop<T, T>({ inbox: this.#inbox, view: (delivery) => delivery.item, settles: true, signal })
  }

  /** Deliveries that the loop's body settles itself, now or later: `done`, `release`, `reject`. */
  deliveries({ signal }: LoopOptions = {}): AsyncIterableIterator<Delivery<T, Result, From>> {
    return new Loop<T, Delivery<T, Result, From>>({
      inbox: this.#inbox,
      view: (delivery) => delivery as Delivery<T, Result, From>,
      settles: false,
      signal,
    })
  }

  /** The source of an it-pipe duplex: {@link items}. */
  get source(): AsyncIterableIterator<T> {
    return this.items()
  }

  /** One delivery, to be settled by the caller. `timeout` → `QUEUE_EMPTY`, `signal` → its reason. */
  async receive(options: WaitOptions = {}): Promise<Delivery<T, Result, From>> {
    checkWait(options)
    this.#inbox.pulled({ polls: false })
    return (this.#inbox.take() ?? (await this.#inbox.wait(options).promise)) as Delivery<T, Result, From>
  }

  /** One item, which is settled when this resolves. A number is a timeout in milliseconds → `QUEUE_EMPTY`; `signal` → its reason. */
  async get(options: number | WaitOptions = {}): Promise<T> {
    const delivery = await this.receive(typeof options === 'object' ? options : { timeout: options })
    delivery.done()
    return delivery.item
  }

  /** The oldest item that is here now, settled; `undefined` when none is, after the end too. Asking lets one come for the next time. */
  tryGet(): { value: T } | undefined {
    this.#inbox.pulled({ polls: true })
    const delivery = this.#inbox.take() as Delivery<T> | undefined
    if (delivery === undefined) return undefined
    delivery.done()
    return { value: delivery.item }
  }

  /** All items that are here now, settled. */
  getAll(): T[] {
    const items: T[] = []
    for (let next = this.tryGet(); next !== undefined; next = this.tryGet()) items.push(next.value)
    return items
  }

  /** Waits until an item is here, without taking it; `false` when `timeout` milliseconds passed first. */
  async poll(options: WaitOptions = {}): Promise<boolean> {
    checkWait(options)
    return this.#inbox.poll(options)
  }

  /**
   * Works on items until no more come: resolves when the connection was closed, rejects when it was lost. A handler that returns
   * settles its item; one that throws releases an item that was put, and answers one that was submitted.
   */
  async process(handler: Handler<T, Result, From>, options: ProcessOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    await new Process<T, Result, From>(this.#inbox, handler, options).done
  }
}
