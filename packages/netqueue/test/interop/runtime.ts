// What the suites say in this runtime: bundled, and run by .scripts/runtimes.mjs. Prints a line of JSON for each test, and their number:
//
//   runtime.mjs [ADDRESS …]      the addresses are those of counterparts in another runtime, for the portable suite
//
// NETQUEUE_KNOWN in the environment is a list, in JSON, of tests that are known to fail, each as `suite: title`.

import { mkdtempSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { MessageChannel } from 'node:worker_threads'

import { testDuplex, testTransport } from '../../src/conformance/index.ts'
import * as netqueue from '../../src/index.ts'
import type { ByteDuplex } from '../../src/index.ts'
import { fromPort } from '../../src/transport/stdio-port.ts'
import { websocket } from '../../src/transport/websocket.ts'
import { counterpart, portableSuite } from '../portable/index.ts'
import { Authority } from '../support/certificates.ts'
import { protocolSuites } from '../support/protocols.ts'
import { Runner } from './runner.ts'
import { workerCases } from './worker-cases.ts'

const authority = await Authority.found()
const tls = { ca: authority.ca, ...(await authority.issue()) }
const folder = mkdtempSync(join(tmpdir(), 'netqueue-runtime-'))
const runner = new Runner(JSON.parse(process.env['NETQUEUE_KNOWN'] ?? '[]') as string[])
const { describe, test } = runner
const functions = { describe, test }

function crossed(): [ByteDuplex, ByteDuplex] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  return [
    netqueue.fromStreams({ readable: back, writable: there }),
    netqueue.fromStreams({ readable: there, writable: back }),
  ]
}

function ports(): [ByteDuplex, ByteDuplex] {
  const { port1, port2 } = new MessageChannel()
  return [fromPort(port1, { remoteAddress: 'stdio:' }), fromPort(port2, { remoteAddress: 'stdio:' })]
}

testTransport({ name: 'memory', create: netqueue.memory, address: 'memory:here', nobody: 'memory:nobody' }, functions)
testTransport(
  { name: 'tcp', create: netqueue.tcp, address: 'tcp://127.0.0.1:0', nobody: 'tcp://127.0.0.1:1' },
  functions,
)
testTransport(
  {
    name: 'tls',
    create: (options) => netqueue.tls({ ...tls, ...options }),
    address: 'tls://127.0.0.1:0',
    nobody: 'tls://127.0.0.1:1',
  },
  functions,
)
for (const scheme of ['ws', 'wss'])
  testTransport(
    {
      name: scheme,
      create: (options) => websocket({ tls, ...options }),
      address: `${scheme}://127.0.0.1:0/queue`,
      nobody: `${scheme}://127.0.0.1:1/queue`,
    },
    functions,
  )
testTransport(
  {
    name: 'unix',
    create: netqueue.unix,
    address: `unix:${folder}/socket`,
    nobody: `unix:${folder}/nobody`,
    remote: /^unix:/,
    cut: 'ended',
  },
  functions,
)
testDuplex({ name: 'streams', create: crossed }, functions)
testDuplex({ name: 'ports', create: ports }, functions)
protocolSuites(functions)

for (const kind of ['process', 'thread'] as const)
  describe(`workers, ${kind}`, () => {
    const cases = workerCases(kind, new URL('./worker.mjs', import.meta.url))
    for (const [title, run] of Object.entries(cases)) test(title, run)
  })

const transports = [netqueue.memory(), netqueue.tcp(), netqueue.unix(), netqueue.tls(tls), websocket({ tls })]
const addresses = [
  'memory:portable',
  'tcp://127.0.0.1:0',
  `unix:${folder}/portable`,
  'tls://127.0.0.1:0',
  'ws://127.0.0.1:0',
]
const own = await Promise.all(addresses.map((address) => counterpart({ netqueue, address, options: { transports } })))
for (const { address } of own) {
  const name = `portable, ${address.split(':', 1)[0]}`
  portableSuite({ name, ...functions, netqueue, address: () => address, options: { transports } })
}
for (const address of process.argv.slice(2)) {
  const name = `portable, ${address.split(':', 1)[0]}, against Node`
  portableSuite({ name, ...functions, netqueue, address: () => address, options: { transports } })
}

/** Not by `console.log`, of which a line got lost in one runtime. */
const say = (value: object): void => void writeSync(1, `${JSON.stringify(value)}\n`)
const failed = await runner.run(say)
say({ total: runner.size })
await Promise.all(own.map((each) => each.close()))
rmSync(folder, { recursive: true, force: true })
process.exitCode = failed === 0 ? 0 : 1
