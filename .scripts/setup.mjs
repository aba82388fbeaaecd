// Makes a fresh clone ready, and leaves a ready one alone: installs what the lockfile says, then builds the packages.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { main, pnpm, root, step } from './step.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`netqueue: Node 20.19 or newer is needed, this is ${process.versions.node}`)
  process.exit(1)
}

const packages = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
)

await main(async () => {
  await install()
  const projects = packages
    .map((name) => join('packages', name))
    .filter((path) => existsSync(join(root, path, 'tsconfig.json')))
  await step('building', ['tsc', '-b', ...projects])
})

/** Skipped while everything that decides what is installed is as it was after the last install that succeeded. */
async function install() {
  const stamp = join(root, 'node_modules/.cache/netqueue-install')
  const wanted = fingerprint()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  await step('installing dependencies', pnpm('install', '--frozen-lockfile', '--prefer-offline'), {
    env: { CI: 'true' },
  })
  mkdirSync(join(stamp, '..'), { recursive: true })
  writeFileSync(stamp, wanted)
}

function fingerprint() {
  const manifests = packages.map((name) => join('packages', name, 'package.json'))
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}
