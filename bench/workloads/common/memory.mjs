// @ts-check
import { setTimeout as delay } from 'node:timers/promises'

const COLLECTIONS = 3

/**
 * Bytes that this process has, when those connections are closed that closed by themselves, after garbage collection. Needs
 * `--expose-gc`.
 * @param {{ settleMs: number, pauseMs: number }} options before the collections, and after each of them
 */
export async function settledMemory({ settleMs, pauseMs }) {
  await delay(settleMs)
  for (let times = 0; times < COLLECTIONS; times += 1) {
    globalThis.gc?.()
    await delay(pauseMs)
  }
  return process.memoryUsage()
}
