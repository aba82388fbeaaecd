import { defaultClientConditions, defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'
import type { TestProjectInlineConfiguration } from 'vitest/config'

// Packages find each other's sources, not what was built of them: no test ever runs on an old build.
const source = '@netqueue/source'

/** Beside what they test. */
const UNITS = ['packages/*/src/**/*.test.ts']
/** Of those, such as put another module in the place of one of ours. */
const WITH_OTHER_MODULES = ['packages/netqueue/src/protocol/net-queue/{assemblies,records}.test.ts']
/** Of what takes processes, browsers, memory: each has a process of its own. */
const WHOLE = ['packages/*/test/**/*.test.ts', 'bench/test/**/*.test.mjs']

const project = (name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  extends: true,
  // Only what hangs is to be found by the times: where others have the cores, whatever takes a second takes twenty.
  test: { name, testTimeout: 60_000, hookTimeout: 60_000, ...test },
})

export default defineConfig({
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...defaultServerConditions] } },
  test: {
    projects: [
      // They load the same modules, and those keep nothing of anybody: to load them once saves a third of the time.
      project('units', { include: UNITS, exclude: WITH_OTHER_MODULES, isolate: false }),
      project('whole', { include: [...WHOLE, ...WITH_OTHER_MODULES] }),
    ],
    pool: 'forks',
    // Vitest leaves one core free. Many tests wait for real time or for another process meanwhile.
    maxWorkers: '100%',
  },
})
