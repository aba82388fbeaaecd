import { defaultClientConditions, defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

// Packages find each other's sources, not what was built of them: no test ever runs on an old build.
const source = '@netqueue/source'

export default defineConfig({
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...defaultServerConditions] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'bench/test/**/*.test.mjs'],
    pool: 'forks',
    // Vitest leaves one core free. Many tests wait for real time or for another process meanwhile.
    maxWorkers: '100%',
    // Only what hangs is to be found by them: where others have the cores, whatever takes a second takes twenty.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
