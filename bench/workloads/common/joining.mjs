// @ts-check
// Many clients, in a few processes.

export const CLIENT_PROCESSES = 2
/** Clients that connect at once: fewer than wait in a listener's queue. */
const AT_ONCE = 50

/**
 * @typedef {object} Server
 * @property {string} address
 * @property {(count: number) => Promise<void>} connected resolves when so many of the clients that join are there
 */

/**
 * Connects so many clients, shared by the processes that they are in.
 * @param {readonly { join: (clients: { address: string, count: number }) => Promise<void> }[]} processes
 * @param {Server} server
 * @param {number} clients
 */
export async function joinAll(processes, { address, connected }, clients) {
  for (let joined = 0; joined < clients;) {
    const some = Math.min(AT_ONCE, clients - joined)
    const share = (/** @type {number} */ index) => Math.floor((some + index) / processes.length)
    await Promise.all(processes.map(({ join }, index) => join({ address, count: share(index) })))
    joined += some
    await connected(joined)
  }
}
