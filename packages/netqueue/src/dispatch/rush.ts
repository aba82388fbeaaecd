import type { Env } from '../env/env.ts'

/** So many items in one turn of the event loop are a rush. */
const MANY = 256
/** Fewer are not worth asking when the turn is over: those of several turns may count together. */
const SOME = 64

/** Whether items come faster than anybody looks at what became of them: by the hundreds in one turn of the event loop. */
export class Rush {
  readonly #env: Pick<Env, 'afterPoll'>
  #items = 0
  readonly #turned = (): void => {
    this.#items = 0
  }

  constructor(env: Pick<Env, 'afterPoll'>) {
    this.#env = env
  }

  get isOn(): boolean {
    return this.#items >= MANY
  }

  /** An item came. */
  came(): void {
    this.#items += 1
    if (this.#items === SOME) this.#env.afterPoll(this.#turned)
  }
}
