// Uses a package as it was packed: every door opens, they share one library, and items pass over TCP and WebSockets.

import { deepStrictEqual, ok } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { root } from './step.mjs'

const [tarball] = process.argv.slice(2)
// Where what it depends on is found.
const folder = join(root, 'packages/netqueue/node_modules/.packed')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
  execFileSync('tar', ['-xzf', tarball, '-C', folder])
  await tryPackage(join(folder, 'package'))
} finally {
  rmSync(folder, { recursive: true })
}

async function tryPackage(path) {
  const { exports: doors } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
  const opened = {}
  for (const [door, targets] of Object.entries(doors)) {
    readFileSync(join(path, targets.types))
    opened[door] = await import(pathToFileURL(join(path, targets.default)).href)
  }
  const { connect, listen, memory, NetQueueError } = opened['.']
  const { websocket } = opened['./websocket']
  await tryAddress('tcp://127.0.0.1:0', {})
  await tryAddress('ws://127.0.0.1:0', { transports: [websocket()] })
  await websocket()
    .connect('ws://127.0.0.1:9')
    .catch((error) => ok(error instanceof NetQueueError))
  ok(memory().accepts('memory:a'))

  async function tryAddress(address, options) {
    const server = await listen(address, options)
    const client = await connect(server.address, options)
    const [item] = await Promise.all([server.get(), client.put({ answer: 42 })])
    deepStrictEqual(item, { answer: 42 })
    await client.close()
    await server.close()
  }
}
