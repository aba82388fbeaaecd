/** Called with what happened. */
export type Listener<E> = (event: E) => void

/** Typed listeners. One that throws does not disturb the others or us: its error goes to the host, as an uncaught one. */
export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<{ call: Listener<never> }>> = new Map()

  /** Returns the function that takes the listener away. */
  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    // Its own object: whoever added the same function once more keeps it when this one is taken away.
    const registration = { call: listener }
    this.#listeners.set(type, listeners.add(registration))
    return () => void listeners.delete(registration)
  }

  emit<K extends keyof Events>(type: K, event: Events[K]): void {
    const listeners = [...(this.#listeners.get(type) ?? [])]
    for (const { call } of listeners) {
      try {
        ;(call as Listener<Events[K]>)(event)
      } catch (error) {
        void Promise.reject(error)
      }
    }
  }
}
