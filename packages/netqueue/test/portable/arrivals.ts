/** What came from one client, for whoever waits for so many of them. */
export class Arrivals<T> {
  #there: T[] = []
  #waiting: (() => void)[] = []

  add(value: T): void {
    this.#there.push(value)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The first so many, in order; waits for them. Rejects with the reason of a signal that fires first. */
  async take(count: number, signal?: AbortSignal): Promise<T[]> {
    while (this.#there.length < count) {
      await new Promise<void>((resolve, reject) => {
        const fail = (): void => reject(signal?.reason as Error)
        signal?.addEventListener('abort', fail, { once: true })
        this.#waiting.push(() => {
          signal?.removeEventListener('abort', fail)
          resolve()
        })
      })
    }
    return this.#there.splice(0, count)
  }
}
