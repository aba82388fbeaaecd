// Joins what was built of netqueue into a few files, as it is published: two hundred modules take three times as long to load, and
// twice the memory. One bundle is for Node and its like, with what netqueue depends on; the one for browsers has nothing of Node in it, and
// imports what it depends on, as pages are bundled once more.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

import { root } from './step.mjs'

const folder = join(root, 'packages/netqueue')
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
/** What every process loads. */
const LOADED = /^(?!conformance)/

rmSync(join(folder, 'dist/bundle'), { recursive: true, force: true })
for (const host of ['node', 'browser']) await bundle(host)

/** Each door that is published for this host, from the module that it is in the repository. */
async function bundle(host) {
  const doors = Object.entries(manifest.exports).filter(([door]) => published(door, host) !== undefined)
  const built = await rolldown({
    input: Object.fromEntries(
      doors.map(([door, targets]) => [published(door, host), join(folder, chosen(targets, host))]),
    ),
    external: host === 'node' ? (id) => isBuiltin(id) || id in manifest.peerDependencies : (id) => !/^[./#]/.test(id),
    plugins: [{ name: 'imports', resolveId: (id) => imported(id, host) }],
    platform: 'neutral',
    resolve: { conditionNames: [host, 'import', 'default'], mainFields: ['module', 'main'] },
  })
  const dir = join(folder, 'dist/bundle', host)
  const { output } = await built.write({ dir, chunkFileNames: '[name].js', comments: false })
  for (const { fileName, code } of output) if (LOADED.test(fileName)) checkLetters(fileName, code)
  if (host === 'node')
    writeFileSync(join(dir, 'LICENSES.txt'), licencesOf(output.flatMap(({ moduleIds }) => moduleIds)))
}

/** One letter beyond Latin-1, and V8 keeps all of a file in two bytes each: 400 kB more in every process. */
function checkLetters(file, code) {
  const [found] = /.{0,40}[^\0-\xFF].{0,40}/.exec(code) ?? []
  if (found !== undefined)
    throw new Error(`${file} has a letter that takes two bytes, and so would all others: ${found}`)
}

/** Of those whose code is in a bundle. */
function licencesOf(modules) {
  const folders = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []))
  return [...folders]
    .toSorted((one, other) => one.localeCompare(other))
    .map((path) => licenceOf(path))
    .join(`\n${'-'.repeat(80)}\n\n`)
}

/** Some packages come without the text, and have it where they are developed. */
function licenceOf(folder) {
  const { name, version, license, homepage } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const texts = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file))
  const title = [`${name} ${version}`, license, homepage].filter((part) => part !== undefined).join(', ')
  return [title, ...texts.map((file) => readFileSync(join(folder, file), 'utf8'))].join('\n\n')
}

/** The name of a door's file in a bundle; `undefined` where the host lacks it. */
function published(door, host) {
  const target = manifest.publishConfig.exports[door][host === 'browser' ? 'browser' : 'default']
  return target?.match(/^\.\/dist\/bundle\/\w+\/(.+)\.js$/)[1]
}

function imported(id, host) {
  return id in manifest.imports ? join(folder, chosen(manifest.imports[id], host)) : null
}

function chosen(targets, host) {
  return targets[host] ?? targets.default
}
