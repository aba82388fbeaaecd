import type { Digest } from './digest.ts'

export interface Comparison {
  /** Files of the other manifest that are not here. */
  missing: string[]
  /** Files that are in both, with different content. */
  different: string[]
}

/** What every file hashes to. */
export class Manifest {
  /** Files that were added more than once. */
  readonly repeated: string[] = []
  readonly #digests: Map<string, Digest> = new Map()

  get size(): number {
    return this.#digests.size
  }

  /** Files that could not be read. */
  get unreadable(): { path: string; error: string }[] {
    return [...this.#digests].flatMap(([path, digest]) => ('error' in digest ? [{ path, error: digest.error }] : []))
  }

  /** The sizes of all files together. */
  get bytes(): number {
    return [...this.#digests.values()].reduce((sum, digest) => sum + ('bytes' in digest ? digest.bytes : 0), 0)
  }

  add(path: string, digest: Digest): void {
    if (this.#digests.has(path)) this.repeated.push(path)
    this.#digests.set(path, digest)
  }

  /** Holds this manifest against the one that it should be. A file that neither could read is equal. */
  compare(expected: Manifest): Comparison {
    const missing: string[] = []
    const different: string[] = []
    for (const [path, digest] of expected.#digests) {
      const ours = this.#digests.get(path)
      if (ours === undefined) missing.push(path)
      else if (value(ours) !== value(digest)) different.push(path)
    }
    return { missing, different }
  }

  /** `hash  path` in the order of the paths, as `sha256sum` writes it and `sha256sum --check` reads it; without unreadable files. */
  toString(): string {
    return [...this.#digests]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, digest]) => ('sha256' in digest ? line(path, digest.sha256) : ''))
      .join('')
  }
}

const value = (digest: Digest): string => ('sha256' in digest ? digest.sha256 : 'unreadable')

/** A name with a backslash or a line break in it is escaped, and its line says so with a backslash in front. */
function line(path: string, sha256: string): string {
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${escaped === path ? '' : '\\'}${sha256}  ${escaped}\n`
}
