// @ts-check

/** What somebody waits for, one at a time. Whoever changes something calls `changed`. */
export class Condition {
  #check = () => {}

  changed() {
    this.#check()
  }

  /**
   * Goes on after everything that came in one piece: what is settled together is refilled together.
   * @param {() => boolean} isTrue
   * @returns {Promise<void>}
   */
  until(isTrue) {
    return new Promise((resolve) => {
      this.#check = () => {
        if (!isTrue()) return
        this.#check = () => {}
        resolve()
      }
      this.#check()
    })
  }
}
