import { join } from 'node:path'

import { build, defaultServerConditions } from 'vite'

const sources = join(import.meta.dirname, '../../src')

/** Builds files of the sources into a folder, for processes: each `NAME.mjs` of one file. Sources all the way: not what was built of them. */
export async function buildSources(folder: string, files: Record<string, string>): Promise<void> {
  const input = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(sources, file)]))
  await build({
    configFile: false,
    logLevel: 'silent',
    build: { ssr: true, outDir: folder, rolldownOptions: { input, output: { entryFileNames: '[name].mjs' } } },
    ssr: { noExternal: true, resolve: { conditions: ['@netqueue/source', ...defaultServerConditions] } },
  })
}
