import { join } from 'node:path'

import { build } from 'vite'
import type { Rolldown } from 'vite'

const package_ = join(import.meta.dirname, '../..')

/** One file of JavaScript that a browser can run, made of an entry whose path is from the package, with all that it exports. */
export async function bundle(entry: string, { isMinified = false } = {}): Promise<string> {
  const built = await build({
    root: package_,
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@netqueue/source', 'browser', 'module'] },
    build: {
      write: false,
      minify: isMinified,
      modulePreload: false,
      rolldownOptions: {
        input: entry,
        preserveEntrySignatures: 'strict',
        output: { format: 'es', minify: isMinified },
      },
    },
  })
  const [{ output }] = [built].flat() as [Rolldown.RolldownOutput]
  return output[0].code
}
