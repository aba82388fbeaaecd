import type { ByteDuplex, Bytes } from '../../src/index.ts'

/** A duplex whose reading can be held up: what it reads then waits, and with it whoever writes at the other end. */
export class Valve {
  readonly duplex: ByteDuplex
  #opened: Promise<void> | undefined
  #open = (): void => {}

  constructor(inner: ByteDuplex) {
    const source = inner.source[Symbol.asyncIterator]()
    const { closed } = inner
    const reading: AsyncIterableIterator<Bytes> = {
      next: async () => {
        const result = await source.next()
        await this.#opened
        return result
      },
      return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      [Symbol.asyncIterator]: () => reading,
    }
    const abort = (reason: Error): void => inner.abort?.(reason)
    this.duplex = { source: reading, sink: inner.sink, abort, ...(closed !== undefined && { closed }) }
  }

  close(): void {
    this.#opened ??= new Promise((resolve) => (this.#open = resolve))
  }

  open(): void {
    this.#opened = undefined
    this.#open()
  }
}
