// @ts-check

/** Those who are connected. @template Member */
export class Crowd {
  /** @type {Member[]} */
  members = []
  #check = () => {}

  /** @param {Member} member */
  join(member) {
    this.members.push(member)
    this.#check()
  }

  /**
   * Resolves when that many are there.
   * @param {number} count
   * @returns {Promise<void>}
   */
  connected(count) {
    return new Promise((resolve) => {
      this.#check = () => this.members.length >= count && resolve()
      this.#check()
    })
  }
}
