import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from './digest.ts'

export interface Listing {
  /** Every regular file, by its path relative to the directory. */
  files: string[]
  directories: number
  /** Symbolic links, which are not followed, and sockets, pipes and devices. */
  skipped: number
  /** Directories that cannot be listed, and names that are not text. */
  unreadable: Unreadable[]
}

export interface Unreadable {
  path: string
  /** The system's code for why. */
  error: string
}

/** Lists every regular file below a directory. What cannot be read is noted, and the rest is listed all the same. */
export async function listFiles(directory: string): Promise<Listing> {
  const listing: Listing = { files: [], directories: 0, skipped: 0, unreadable: [] }
  const open = ['']
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    try {
      const entries = await readdir(join(directory, path), { withFileTypes: true })
      listing.directories += 1
      for (const entry of entries) {
        const below = join(path, entry.name)
        if (await isMangled(directory, below)) listing.unreadable.push({ path: below, error: 'EILSEQ' })
        else if (entry.isDirectory()) open.push(below)
        else if (entry.isFile()) listing.files.push(below)
        else listing.skipped += 1
      }
    } catch (error) {
      listing.unreadable.push({ path: path === '' ? '.' : path, error: codeOf(error) })
    }
  }
  return listing
}

/** A name that is not UTF-8 arrives with replacement characters, and then names no file, or worse, another one. */
async function isMangled(directory: string, path: string): Promise<boolean> {
  if (!path.includes('\uFFFD')) return false
  return lstat(join(directory, path)).then(
    () => false,
    () => true,
  )
}
