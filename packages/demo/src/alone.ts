import { join } from 'node:path'
import { digest } from './digest.ts'
import type { Digest } from './digest.ts'
import { CONCURRENCY } from './job.ts'

/** The same job in this process alone: what the workers' answers are held against. */
export async function hashAlone(
  directory: string,
  paths: readonly string[],
  done: (path: string, digest: Digest) => void,
): Promise<void> {
  const rest = paths.values()
  const reader = async (): Promise<void> => {
    for (const path of rest) done(path, await digest(join(directory, path)))
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, reader))
}
