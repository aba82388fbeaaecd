import { isWithin } from '../delivery/entry.ts'
import type { Entry } from '../delivery/entry.ts'
import type { Env, Timer } from '../env/env.ts'
import type { Longest } from '../message/tree.ts'

/** What is looked at of a child. */
interface Taker {
  readonly takesItems: boolean
  readonly credit: number
  readonly inFlight: number
  readonly longest: Longest
}

export interface LengthsInit {
  env: Env
  /** The longest item that the relay takes itself. */
  most: number
  children: Iterable<Taker>
  /** `longest` has changed. */
  changed: () => void
}

/** So long a child takes nothing before it is not counted on: whoever asks for one item after the other asks for none in between. */
const LEAVE_MS = 50

/** How long an item may be for somebody below a relay to take it. */
export class Lengths {
  readonly #init: LengthsInit
  #longest: Longest
  /** Whether the last look found somebody who takes anything. After one that found nobody, less is believed at once. */
  #hasTaker = false
  #lowering: Timer | undefined
  #watcher: (() => void) | undefined

  constructor(init: LengthsInit) {
    this.#init = init
    this.#longest = { put: init.most, submitted: init.most }
  }

  get longest(): Longest {
    return this.#longest
  }

  /** Whether something is too long for all, that the relay itself would take. */
  get isLess(): boolean {
    const { put, submitted } = this.#longest
    return put < this.#init.most || submitted < this.#init.most
  }

  takes(entry: Entry): boolean {
    return isWithin(entry, this.#longest)
  }

  /** Has somebody told when it has changed. */
  watch(watcher: () => void): void {
    this.#watcher = watcher
  }

  /** Looks at all children anew. Less is believed at once of those who are gone, of others when it stays so. */
  look({ isGone = false }: { isGone?: boolean } = {}): void {
    const seen = this.#seen()
    const isLower = seen.put < this.#longest.put || seen.submitted < this.#longest.submitted
    if (!isLower || isGone || !this.#hasTaker) return this.#set(seen)
    this.#lowering ??= this.#init.env.setTimer(() => this.#set(this.#seen()), LEAVE_MS, { background: true })
  }

  #set(seen: Longest): void {
    this.#lowering?.cancel()
    this.#lowering = undefined
    const { put, submitted } = this.#longest
    this.#hasTaker = seen !== this.#longest
    if (seen.put === put && seen.submitted === submitted) return
    this.#longest = seen
    this.#init.changed()
    this.#watcher?.()
  }

  /** What those take who take anything; where there is none it stays as it is, as nothing comes then. Mostly the first one takes as much as the relay: nobody else is asked. */
  #seen(): Longest {
    const { most, children } = this.#init
    let [put, submitted] = [0, 0]
    for (const { takesItems, credit, inFlight, longest } of children) {
      if (!takesItems || credit + inFlight === 0) continue
      put = Math.max(put, Math.min(most, longest.put))
      submitted = Math.max(submitted, Math.min(most, longest.submitted))
      if (put === most && submitted === most) break
    }
    return put === 0 ? this.#longest : { put, submitted }
  }
}
