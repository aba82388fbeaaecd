/** Called with what happened. */
export type Listener<E> = (event: E) => void

/** Typed listeners. One that throws does not disturb the others or us: its error goes to the host, as an uncaught one. */
export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<Listener<never>>> = new Map()

  /** Returns the function that takes the listener away. */
  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  emit<K extends keyof Events>(type: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        ;(listener as Listener<Events[K]>)(event)
      } catch (error) {
        void Promise.reject(error)
      }
    }
  }
}
