// Installs Chromium where it is missing and may be installed, for the tests that run in it. They are skipped without it, and say so.

import { existsSync } from 'node:fs'

import { main, step } from './step.mjs'

const places = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].filter(Boolean)

await main(async () => {
  if (places.some((path) => existsSync(path))) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(
      'netqueue: Chromium is missing, and only root can install it, with apt: the tests in it will be skipped',
    )
    return
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await step('looking for Chromium', ['apt-get', 'update', '-q'], { env })
  await step('installing Chromium', ['apt-get', 'install', '-y', '-q', '--no-install-recommends', 'chromium'], { env })
})
