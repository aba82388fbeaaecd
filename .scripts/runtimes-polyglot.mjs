// Workers in Node, Bun, Deno, Python and a page in Chromium share one queue, with a token; one is killed while it holds items. Exit code 1 where something is lost,
// somebody gets nothing, or one of them could not be had.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { bundle, bundlePage } from './runtimes-bundle.mjs'
import { obtain, runtimes } from './runtimes-obtain.mjs'
import { root } from './step.mjs'

const ITEMS = 2_000
const say = (text) => console.log(`netqueue: ${text}`)

try {
  await main()
} catch (error) {
  say(`failed: ${error.message}`)
  process.exitCode = 1
}

async function main() {
  say('making the bundle')
  const folder = await bundle('polyglot', 'polyglot-worker')
  const script = [join(folder, 'polyglot-worker.mjs'), 'ADDRESS', 'NAME']
  const workers = [
    { name: 'node', command: [process.execPath, ...script] },
    ...(await Promise.all(['bun', 'deno'].map((name) => other(name, script)))),
    { name: 'python', command: ['python3', join(root, 'packages/netqueue/test/interop/worker.py'), 'HOST', 'NAME'] },
  ]
  const { polyglot } = await import(pathToFileURL(join(folder, 'polyglot.mjs')).href)
  const { given, redelivered } = await polyglot({
    workers,
    script: await bundlePage('polyglot-page'),
    items: ITEMS,
    victim: 'bun',
    say,
  })
  for (const [name, count] of Object.entries(given)) say(`${name.padEnd(8)}${String(count).padStart(6)} items`)
  say(`ok: all ${ITEMS} results came; the ${redelivered} items that bun held when it was killed went to others`)
}

async function other(name, script) {
  const runtime = runtimes.find((each) => each.name === name)
  say(`fetching ${runtime.package}@${runtime.range}`)
  try {
    const { command } = await obtain(runtime)
    return { name, command: [...command, ...script] }
  } catch (error) {
    throw new Error(`${runtime.title} could not be had: ${error.message}`, { cause: error })
  }
}
