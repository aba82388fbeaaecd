import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { cache } from './runtimes-bundle.mjs'
import { root } from './step.mjs'

const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const SUITE_MS = 300_000

/** What the suites say in Chromium, against a server in Node: they are tests of the library, too. It is not fetched, but has to be there. */
export async function examineChromium(say) {
  const program = places.find((path) => path && existsSync(path))
  if (program === undefined) {
    say('Chromium is not on this machine: node .scripts/chromium.mjs installs it, where there is apt')
    return { runtime: 'Chromium', version: 'could not be had', isGood: false }
  }
  const { stdout } = await promisify(execFile)(program, ['--version'])
  const [version] = /\d+\.\d+\.\d+/.exec(stdout) ?? [stdout.trim()]
  const { passed, failed, skipped, seconds, isWhole } = await run()
  say(`Chromium ${version}: ${passed} passed, ${failed} failed, in ${seconds.toFixed(1)} s`)
  return { runtime: 'Chromium', version, passed, failed, known: 0, skipped, seconds, isGood: isWhole && failed === 0 }
}

async function run() {
  const start = performance.now()
  mkdirSync(cache, { recursive: true })
  const file = join(cache, 'chromium.json')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const tests = join(root, 'packages/netqueue/test/browser')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const child = spawn(process.execPath, [vitest, 'run', tests, ...reporters, '--silent'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: SUITE_MS,
  })
  const [code] = await once(child, 'exit')
  const seconds = (performance.now() - start) / 1000
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'))
  return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests, seconds, isWhole: code === 0 }
}
