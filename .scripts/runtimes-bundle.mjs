import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { build, defaultServerConditions } from 'vite'

import { root } from './step.mjs'

/** What runtimes run is not installed with the rest, and not kept: a folder that git ignores. */
export const cache = join(root, 'node_modules/.cache/netqueue-runtimes')

const tests = join(root, 'packages/netqueue/test/interop')

/** Makes one module of JavaScript, which needs nothing but a runtime, of each of these TypeScript files; returns their folder. */
export async function bundle(...names) {
  const outDir = join(cache, 'bundle')
  mkdirSync(outDir, { recursive: true })
  await build({
    configFile: false,
    logLevel: 'warn',
    root: tests,
    resolve: { conditions: ['@netqueue/source', ...defaultServerConditions] },
    ssr: {
      noExternal: true,
      external: ['playwright-core'],
      resolve: { conditions: ['@netqueue/source', ...defaultServerConditions] },
    },
    build: {
      ssr: true,
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      rolldownOptions: {
        input: Object.fromEntries(names.map((name) => [name, join(tests, `${name}.ts`)])),
        output: { entryFileNames: '[name].mjs' },
      },
    },
  })
  return outDir
}

/** One module of JavaScript that a browser can run, as text. */
export async function bundlePage(name) {
  const { output } = await build({
    configFile: false,
    logLevel: 'warn',
    root: tests,
    resolve: { conditions: ['@netqueue/source', 'browser', 'module'] },
    build: {
      write: false,
      minify: false,
      modulePreload: false,
      rolldownOptions: {
        input: join(tests, `${name}.ts`),
        preserveEntrySignatures: 'strict',
        output: { format: 'es' },
      },
    },
  })
  return output[0].code
}
