import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buildSources } from './sources.ts'

/**
 * Files of workers, in a folder that goes with this. In them, `connect` is the library's, which is there as one file, `./netqueue.mjs`, and its
 * door `netqueue/workers` as `./workers.mjs`: two hundred modules would take each of them three times as long to load.
 */
export class WorkerFiles implements Disposable {
  readonly #folder: string
  #count = 0

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async make(): Promise<WorkerFiles> {
    const folder = mkdtempSync(join(tmpdir(), 'netqueue-workers-'))
    await buildSources(folder, { netqueue: 'index.ts', workers: 'workers/workers.ts' })
    return new WorkerFiles(folder)
  }

  /** The path of a file that holds a module. */
  write(source: string): string {
    this.#count += 1
    const path = join(this.#folder, `worker-${this.#count}.mjs`)
    writeFileSync(path, `import { connect } from './netqueue.mjs'\n${source}\n`)
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
