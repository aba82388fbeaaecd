import { join } from 'node:path'

import { build } from 'vite'
import type { Rolldown } from 'vite'

const package_ = join(import.meta.dirname, '../..')

/** One file of JavaScript that a browser can run, made of an entry whose path is from the package; `names` are kept as they are. */
export async function bundle(entry: string, { isMinified = false } = {}): Promise<string> {
  const { output } = (await build({
    root: package_,
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@netqueue/source', 'browser', 'module'] },
    build: {
      write: false,
      minify: isMinified,
      lib: { entry, formats: ['es'], fileName: 'bundle' },
      rolldownOptions: { platform: 'browser' },
    },
  }).then((built) => [built].flat()[0])) as Rolldown.RolldownOutput
  return output[0].code
}
