// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { Condition } from '../shared/condition.mjs'

/** Messages that may be on their way to the fastest listener that reports; ZeroMQ drops from 1,000 on. */
export const WINDOW = 512
/** A listener reports each time that it has taken so many. */
export const REPORTED = 64
/** Who has reported nothing for as long is not waited for any more. */
const PATIENCE_MS = 1_000

/** Holds back whoever sends to all: by the fastest listener, so that one that stalls holds up nobody. */
export class Pace {
  /** Messages that each listener has not reported. @type {Map<string, number>} */
  #open = new Map()
  #reporting = new Condition()

  /** @param {string} listener one that is new, or has taken so many more */
  reported(listener) {
    const open = this.#open.get(listener)
    this.#open.set(listener, open === undefined ? 0 : open - REPORTED)
    this.#reporting.changed()
  }

  sent() {
    for (const [listener, open] of this.#open) this.#open.set(listener, open + 1)
  }

  async room() {
    if (this.#hasRoom()) return
    const late = new AbortController()
    const patience = delay(PATIENCE_MS, 'late', { signal: late.signal }).catch(() => undefined)
    const outcome = await Promise.race([this.#reporting.until(() => this.#hasRoom()), patience])
    late.abort()
    if (outcome === 'late') this.#open.clear()
  }

  #hasRoom() {
    return this.#open.size === 0 || Math.min(...this.#open.values()) < WINDOW
  }
}
