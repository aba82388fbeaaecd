import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { build, defaultServerConditions } from 'vite'
import { afterAll, expect, test } from 'vitest'

const package_ = join(import.meta.dirname, '..')
const scratch = join(import.meta.dirname, '.conformance')

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const SUITE = `
import { describe, test } from 'node:test'
import { memory } from './netqueue.js'
import { netQueue } from './protocol.js'
import { testProtocol, testTransport } from './conformance.js'

testTransport({
  name: 'memory',
  create: memory,
  address: 'memory:here',
  nobody: 'memory:nobody',
  skips: { '10 MiB arrive whole': 'a small network' },
}, { describe, test })
testProtocol({ name: 'net-queue', create: netQueue }, { describe, test })
`

test('the suites run under node:test too', async () => {
  mkdirSync(scratch, { recursive: true })
  await build({
    root: package_,
    configFile: false,
    logLevel: 'silent',
    // Sources all the way: two copies of an error are two errors.
    ssr: { resolve: { conditions: ['@netqueue/source', ...defaultServerConditions] } },
    build: {
      ssr: true,
      outDir: scratch,
      rolldownOptions: {
        input: { netqueue: 'src/index.ts', protocol: 'src/protocol/index.ts', conformance: 'src/conformance/index.ts' },
      },
    },
  })
  writeFileSync(join(scratch, 'suite.mjs'), SUITE)
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env
  const args = ['--test', '--test-reporter', 'tap', join(scratch, 'suite.mjs')]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  const counts = Object.fromEntries(
    [...stdout.matchAll(/^# (pass|fail|skipped) (\d+)$/gm)].map(([, name, n]) => [name, Number(n)]),
  )
  expect(counts).toEqual({ pass: expect.any(Number) as number, fail: 0, skipped: 2 })
  expect(counts['pass']).toBeGreaterThan(40)
})
