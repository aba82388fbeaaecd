/**
 * A map that is mostly asked for the key that it was asked for last, which takes no look-up then: the requests of a connection have few names,
 * and come in few channels.
 */
export class RecentMap<K, V> extends Map<K, V> {
  #key: K | undefined = undefined
  #value: V | undefined = undefined

  constructor(entries: Iterable<readonly [K, V]> = []) {
    super()
    for (const [key, value] of entries) super.set(key, value)
  }

  /** `undefined` is no key. */
  override get(key: K): V | undefined {
    if (key === this.#key) return this.#value
    this.#value = super.get(key)
    this.#key = key
    return this.#value
  }

  override set(key: K, value: V): this {
    this.#forget()
    return super.set(key, value)
  }

  override delete(key: K): boolean {
    this.#forget()
    return super.delete(key)
  }

  override clear(): void {
    this.#forget()
    super.clear()
  }

  #forget(): void {
    this.#key = undefined
    this.#value = undefined
  }
}
