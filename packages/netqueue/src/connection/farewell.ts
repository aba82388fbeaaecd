/**
 * What this side has still to say: anything; what there is, and then goodbye; nothing, for the sink has its last words; nothing, for the sink
 * has taken them. `over`: nothing more is said, nor heard.
 */
export type Saying = 'open' | 'leaving' | 'said' | 'taken' | 'over'

/** What is heard of the other side: anything; nothing more, for it said goodbye; nothing, as the stream is at its end, without a goodbye or behind it. */
export type Hearing = 'open' | 'goodbye' | 'silent' | 'parted'

/** What may follow what. */
export const NEXT_SAYING: Readonly<Record<Saying, readonly Saying[]>> = {
  open: ['leaving', 'said', 'over'],
  leaving: ['said', 'over'],
  said: ['taken', 'over'],
  taken: ['over'],
  over: [],
}
export const NEXT_HEARING: Readonly<Record<Hearing, readonly Hearing[]>> = {
  open: ['goodbye', 'silent'],
  goodbye: ['parted'],
  silent: [],
  parted: [],
}

/** How far the two sides of a connection are with leaving each other: each says goodbye, and hears that of the other, in its own time. */
export class Farewell {
  #saying: Saying = 'open'
  #hearing: Hearing = 'open'

  get saying(): Saying {
    return this.#saying
  }

  get hearing(): Hearing {
    return this.#hearing
  }

  /** Neither side has said anything of an end. */
  get isOpen(): boolean {
    return this.#saying === 'open' && this.#hearing === 'open'
  }

  /** Our last words were given to the sink, or nobody would hear any. */
  get hasSaid(): boolean {
    return this.#saying !== 'open' && this.#saying !== 'leaving'
  }

  /** The other side has said goodbye: what comes behind it is not for us. */
  get hasHeard(): boolean {
    return this.#hearing === 'goodbye' || this.#hearing === 'parted'
  }

  /** The stream of the other side is not at its end. */
  get isListening(): boolean {
    return this.#hearing === 'open' || this.#hearing === 'goodbye'
  }

  get isOver(): boolean {
    return this.#saying === 'over'
  }

  /** Whether it is over with that. Throws for what may not follow: a fault of this library. */
  say(next: Saying): boolean {
    if (!NEXT_SAYING[this.#saying].includes(next)) throw impossible(this.#saying, next)
    this.#saying = next
    return next === 'over' || this.#part()
  }

  /** The same for what is heard. */
  hear(next: Hearing): boolean {
    if (!NEXT_HEARING[this.#hearing].includes(next)) throw impossible(this.#hearing, next)
    this.#hearing = next
    return this.#part()
  }

  /** Nothing is left to be said, and nothing to be heard. */
  #part(): boolean {
    if (this.#saying !== 'taken' || this.isListening) return false
    this.#saying = 'over'
    return true
  }
}

function impossible(now: string, next: string): Error {
  return new Error(`Expected ${next} not to follow ${now}`)
}
