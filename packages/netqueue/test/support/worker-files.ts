import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { build, defaultServerConditions } from 'vite'

const sources = join(import.meta.dirname, '../../src')

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
    await build({
      configFile: false,
      logLevel: 'silent',
      build: {
        ssr: true,
        outDir: folder,
        rolldownOptions: {
          input: { netqueue: join(sources, 'index.ts'), workers: join(sources, 'workers.ts') },
          output: { entryFileNames: '[name].mjs' },
        },
      },
      // Sources all the way: not what was built of them.
      ssr: { noExternal: true, resolve: { conditions: ['@netqueue/source', ...defaultServerConditions] } },
    })
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
