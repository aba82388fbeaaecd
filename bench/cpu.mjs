// @ts-check
// CPU time in microseconds, user and system. Other processes' come from /proc, in ticks of 10 ms, and are NaN where there is none.

import { readdirSync, readFileSync } from 'node:fs'
import { sum } from './statistics.mjs'

const MICROS_PER_TICK = 10_000
/** Fields of /proc/PID/stat after the name, which may hold spaces: utime, stime, and those of children that ended. */
const [UTIME, STIME, CHILDREN_UTIME, CHILDREN_STIME] = /** @type {const} */ ([11, 12, 13, 14])

/** This process and those that it started. */
export function ownMicros() {
  const { user, system } = process.cpuUsage()
  return user + system + endedChildrenMicros() + sum(childrenOf('self').map(micros))
}

/**
 * A process, with children of it that ended.
 * @param {number | string} pid
 */
export function micros(pid) {
  const fields = stat(pid)
  return sum([UTIME, STIME, CHILDREN_UTIME, CHILDREN_STIME].map((field) => ticks(fields, field)))
}

function endedChildrenMicros() {
  if (process.platform !== 'linux') return 0
  const fields = stat('self')
  return ticks(fields, CHILDREN_UTIME) + ticks(fields, CHILDREN_STIME)
}

/** @param {number | string} pid */
function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
    )
  } catch {
    return []
  }
}

/**
 * @param {number | string} pid
 * @returns {string[]}
 */
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/**
 * @param {string[]} fields
 * @param {number} field
 */
function ticks(fields, field) {
  return Number(fields[field] ?? Number.NaN) * MICROS_PER_TICK
}
