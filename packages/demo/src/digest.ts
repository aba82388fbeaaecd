import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** What became of one file: its hash in hex and its size, or the system's code for why it cannot be read. */
export type Digest = { sha256: string; bytes: number } | { error: string }

/** Reads a file in pieces, however large it is. A file that cannot be read is an answer too; only `signal` rejects. */
export async function digest(file: string, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.byteLength
    }
    return { sha256: hash.digest('hex'), bytes }
  } catch (error) {
    signal?.throwIfAborted()
    return { error: codeOf(error) }
  }
}

/** The system's short name for what went wrong, such as `EACCES`. */
export function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : String(error)
}
