import type { Env } from '../env/env.ts'

/** So many items make a rush. */
const RUSH_ITEMS = 256
/** Before so many, nobody asks when the turn is over: it would cost each item that comes alone a callback. Those of several turns may count together. */
const WATCHED_ITEMS = 64

/** Whether items come by the hundreds in one turn of the event loop, before anybody looks at what became of them. */
export class Rush {
  readonly #env: Pick<Env, 'afterPoll'>
  readonly #ended: () => void
  #items = 0

  /** `ended` is called when the turn is over, if many came in it. */
  constructor(env: Pick<Env, 'afterPoll'>, ended: () => void) {
    this.#env = env
    this.#ended = ended
  }

  get isOn(): boolean {
    return this.#items >= RUSH_ITEMS
  }

  /** An item came. */
  came(): void {
    this.#items += 1
    if (this.#items === WATCHED_ITEMS) this.#env.afterPoll(this.#turned)
  }

  readonly #turned = (): void => {
    this.#items = 0
    this.#ended()
  }
}
