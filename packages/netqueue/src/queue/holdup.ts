/** Where somebody waits who may not go on. */
export class Holdup {
  /** Resolves when it ends. */
  readonly over: Promise<void>
  #end!: () => void

  constructor() {
    this.over = new Promise((resolve) => (this.#end = resolve))
  }

  end(): void {
    this.#end()
  }
}
