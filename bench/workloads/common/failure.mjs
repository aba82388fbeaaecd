// @ts-check

/**
 * For what goes on until its process is ended: only its failure is news.
 * @param {Promise<unknown>} work
 * @returns {Promise<never>}
 */
export function failureOf(work) {
  return work.then(() => new Promise(() => {}))
}
