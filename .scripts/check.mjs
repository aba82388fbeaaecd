// The whole gate, the same that CI runs. `--without-tests` leaves the tests out, for whoever has just run them.

import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { main, pnpm, root, step } from './step.mjs'

await main(async () => {
  await step('format', ['oxfmt', '--check'])
  await step('lint', ['oxlint'])
  await step('types of the tests', ['tsc', '-b', 'packages'])
  if (!process.argv.includes('--without-tests')) await step('tests', ['vitest', 'run'], { show: true })
  await step('unused files, exports and dependencies', ['knip', '--no-config-hints'])
  for (const name of published()) await checkPackage(name)
  console.log('netqueue: all checks passed')
})

/** Looks at a package as its users will get it: packed. */
async function checkPackage(name) {
  const folder = mkdtempSync(join(tmpdir(), 'netqueue-pack-'))
  try {
    await step(`packing ${name}`, pnpm('--filter', name, 'pack', '--pack-destination', folder))
    const tarball = join(folder, readdirSync(folder)[0])
    await step(`publint ${name}`, ['publint', tarball, '--strict'])
    await step(`types of ${name}, as importers see them`, ['attw', tarball, '--profile', 'esm-only'])
    await step(`${name}, as it was packed`, ['node', '.scripts/try-package.mjs', tarball])
    console.log(`netqueue: ${name} is ${(statSync(tarball).size / 1000).toFixed(1)} kB packed`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function published() {
  return readdirSync(join(root, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => JSON.parse(readFileSync(join(root, 'packages', entry.name, 'package.json'), 'utf8')))
    .filter((manifest) => !manifest.private)
    .map((manifest) => manifest.name)
}
