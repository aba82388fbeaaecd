// @ts-check
import { Crowd } from './crowd.mjs'

/**
 * Who is connected, and how much each of them has to do.
 * @template {{ load: number }} Client
 * @extends {Crowd<Client>}
 */
export class Clients extends Crowd {
  /** The one with the least to do; the first of several. */
  idlest() {
    let [idlest] = this.members
    for (const client of this.members) if (idlest === undefined || client.load < idlest.load) idlest = client
    if (idlest === undefined) throw new Error('Nobody is connected')
    return idlest
  }

  isIdle() {
    return this.members.every(({ load }) => load === 0)
  }
}
