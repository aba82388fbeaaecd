import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a worker imports: the library as it was built, as Node 20 runs no TypeScript. `npm test` builds before it tests. */
const LIBRARY = new URL('../../dist/index.js', import.meta.url).href

/** Files of workers, in a folder that goes with this. In them, `connect` is the library's. */
export class WorkerFiles implements Disposable {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'netqueue-workers-'))
  #count = 0

  /** The path of a file that holds a module. */
  write(source: string): string {
    this.#count += 1
    const path = join(this.#folder, `worker-${this.#count}.mjs`)
    writeFileSync(path, `import { connect } from ${JSON.stringify(LIBRARY)}\n${source}\n`)
    return path
  }

  /** A path at which there is nothing. */
  get nothing(): string {
    return join(this.#folder, 'nothing.mjs')
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
