// @ts-check

/**
 * Who is connected, and how much each of them has to do.
 * @template {{ load: number }} Client
 */
export class Clients {
  /** @type {Client[]} */
  #all = []
  #check = () => {}

  /** @param {Client} client */
  add(client) {
    this.#all.push(client)
    this.#check()
    return client
  }

  /**
   * Resolves when that many are there.
   * @param {number} count
   * @returns {Promise<void>}
   */
  connected(count) {
    return new Promise((resolve) => {
      this.#check = () => this.#all.length >= count && resolve()
      this.#check()
    })
  }

  /** The one with the least to do; the first of several. */
  idlest() {
    let [idlest] = this.#all
    for (const client of this.#all) if (idlest === undefined || client.load < idlest.load) idlest = client
    if (idlest === undefined) throw new Error('Nobody is connected')
    return idlest
  }

  isIdle() {
    return this.#all.every(({ load }) => load === 0)
  }
}
