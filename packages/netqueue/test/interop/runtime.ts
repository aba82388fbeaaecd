// What the suites say in this runtime: bundled, and run by .scripts/runtimes.mjs. Prints a line of JSON for each test:
//
//   runtime.mjs [ADDRESS …]      the addresses are those of counterparts in another runtime, for the portable suite

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { MessageChannel } from 'node:worker_threads'

import { testDuplex, testProtocol, testTransport } from '../../src/conformance/index.ts'
import * as netqueue from '../../src/index.ts'
import type { ByteDuplex } from '../../src/index.ts'
import { fromPort } from '../../src/transport/stdio-port.ts'
import { counterpart, portableSuite } from '../portable/index.ts'
import { Runner } from './runner.ts'
import { workerCases } from './worker-cases.ts'

const folder = mkdtempSync(join(tmpdir(), 'netqueue-runtime-'))
const runner = new Runner()
const { describe, test } = runner
const functions = { describe, test }

/** Of what the system has no word for, on sockets that are not TCP. */
const NO_RESET = {
  'a broken connection frees a sink whose source gives nothing, and ends that source':
    'the system has no reset for unix sockets: the sink learns of it when it writes',
}

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
    name: 'unix',
    create: netqueue.unix,
    address: `unix:${folder}/socket`,
    nobody: `unix:${folder}/nobody`,
    remote: /^unix:/,
    cut: 'ended',
    skips: NO_RESET,
  },
  functions,
)
testDuplex({ name: 'streams', create: crossed }, functions)
testDuplex({ name: 'ports', create: ports }, functions)
testProtocol({ name: 'net-queue', create: netqueue.netQueue }, functions)

for (const kind of ['process', 'thread'] as const)
  describe(`workers, ${kind}`, () => {
    const cases = workerCases(kind, new URL('./worker.mjs', import.meta.url))
    for (const [title, run] of Object.entries(cases)) test(title, run)
  })

const own = await Promise.all(
  ['memory:portable', 'tcp://127.0.0.1:0', `unix:${folder}/portable`].map((address) =>
    counterpart({ netqueue, address }),
  ),
)
for (const { address } of own)
  portableSuite({ name: `portable, ${address.split(':', 1)[0]}`, ...functions, netqueue, address: () => address })
for (const address of process.argv.slice(2)) {
  const name = `portable, ${address.split(':', 1)[0]}, against Node`
  portableSuite({ name, ...functions, netqueue, address: () => address })
}

const failed = await runner.run((outcome) => console.log(JSON.stringify(outcome)))
await Promise.all(own.map((each) => each.close()))
rmSync(folder, { recursive: true, force: true })
process.exitCode = failed === 0 ? 0 : 1
