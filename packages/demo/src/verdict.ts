import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from './manifest.ts'

export interface Verdict {
  missing: string[]
  repeated: string[]
  /** Hashed to something else, although the file was not touched. */
  wrong: string[]
  /** Changed or removed by somebody while we read it: no two readers need agree on it. */
  changed: string[]
}

export interface Evidence {
  directory: string
  /** What the workers found. */
  manifest: Manifest
  /** What one process alone found. */
  expected: Manifest
  /** When the first of the two began, by the clock of the files. */
  startedMs: number
}

/** Holds what the workers found against what one process found. */
export async function judge({ directory, manifest, expected, startedMs }: Evidence): Promise<Verdict> {
  const { missing, different } = manifest.compare(expected)
  const verdict: Verdict = { missing, repeated: manifest.repeated, wrong: [], changed: [] }
  for (const path of different) {
    const wasTouched = await isYounger(join(directory, path), startedMs)
    ;(wasTouched ? verdict.changed : verdict.wrong).push(path)
  }
  return verdict
}

/** File systems stamp a change with a time that is up to a tick of their clock old. */
const TICK_MS = 20

/** Whether a file was changed after that moment, or is gone. Unlike the time of its content, this one cannot be set back. */
async function isYounger(file: string, ms: number): Promise<boolean> {
  return lstat(file).then(
    ({ ctimeMs }) => ctimeMs >= ms - TICK_MS,
    () => true,
  )
}
