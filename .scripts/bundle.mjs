// Joins what was built of netqueue into a few files, as it is published: two hundred modules take three times as long to load, and
// twice the memory. One bundle is for Node and its like; the one for browsers has nothing of Node in it.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

import { root } from './step.mjs'

const folder = join(root, 'packages/netqueue')
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

rmSync(join(folder, 'dist/bundle'), { recursive: true, force: true })
for (const host of ['node', 'browser']) await bundle(host)

/** Each door that is published for this host, from the module that it is in the repository. */
async function bundle(host) {
  const doors = Object.entries(manifest.exports).filter(([door]) => published(door, host) !== undefined)
  const built = await rolldown({
    input: Object.fromEntries(
      doors.map(([door, targets]) => [published(door, host), join(folder, chosen(targets, host))]),
    ),
    external: (id) => !/^[./#]/.test(id),
    plugins: [{ name: 'imports', resolveId: (id) => imported(id, host) }],
    platform: 'neutral',
  })
  await built.write({ dir: join(folder, 'dist/bundle', host), chunkFileNames: '[name].js', comments: false })
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
