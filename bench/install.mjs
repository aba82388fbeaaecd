// @ts-check
// The packages that peers need: installed when a peer is first wanted, with the versions of this folder's own lockfile.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { step } from '../.scripts/step.mjs'

const stamp = new URL('node_modules/.cache/netqueue-install', import.meta.url)
/** @type {Promise<string | undefined> | undefined} */
let installing

/**
 * @param {readonly string[]} packages
 * @returns {Promise<string | undefined>} why they are not there
 */
export async function install(packages) {
  if (packages.length === 0) return undefined
  installing ??= installAll()
  const failure = await installing
  if (failure !== undefined) return failure
  for (const name of packages) {
    try {
      await import(name)
    } catch (error) {
      return `the package ${name} does not load: ${firstLine(error)}`
    }
  }
  return undefined
}

async function installAll() {
  const wanted = fingerprint()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined
  try {
    await step('installing the peers of the bench', ['npm', 'ci', '--prefix', 'bench', '--prefer-offline'])
  } catch (error) {
    return `its packages could not be installed (npm ci --prefix bench): ${firstLine(error)}`
  }
  mkdirSync(new URL('.', stamp), { recursive: true })
  writeFileSync(stamp, wanted)
  return undefined
}

function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.versions.modules}`)
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    hash.update(readFileSync(new URL(file, import.meta.url)))
  }
  return hash.digest('hex')
}

/** What went wrong, with what the failed command wrote. @param {unknown} error */
function firstLine(error) {
  const { message, output = '' } = /** @type {{ message: string, output?: string }} */ (error)
  const reason = output.split('\n').find((line) => /error/i.test(line))
  return [message.split('\n')[0], reason].filter(Boolean).join('; ')
}
