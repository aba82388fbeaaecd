import type { Env, Timer } from '../env/env.ts'
import { NetQueueError } from '../errors/errors.ts'

/** How long what waits may go unread before it is reported. */
const UNREAD_MS = 5_000

export interface UnreadWatchInit {
  env: Env
  /** Items that wait. */
  size: () => number
  /** Whether somebody is there who reads. */
  isAttended: () => boolean
  warn: (error: NetQueueError) => void
}

/** Reports items that wait and that nobody reads: a reader was forgotten, and nobody else gets them meanwhile. */
export class UnreadWatch {
  readonly #init: UnreadWatchInit
  #timer: Timer | undefined
  #wasRead = false

  constructor(init: UnreadWatchInit) {
    this.#init = init
  }

  /** Something waits from now on, or still does. */
  begin(): void {
    if (this.#timer !== undefined) return
    this.#wasRead = false
    this.#timer = this.#init.env.setTimer(() => this.#report(), UNREAD_MS, { background: true })
  }

  read(): void {
    this.#wasRead = true
  }

  end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #report(): void {
    const { size, isAttended, warn } = this.#init
    this.#timer = undefined
    if (this.#wasRead || isAttended()) return this.begin()
    const message = `${size()} items have waited for a reader for ${UNREAD_MS} ms; nobody else gets them meanwhile`
    warn(new NetQueueError('INBOX_UNREAD', message, { value: size() }))
  }
}
