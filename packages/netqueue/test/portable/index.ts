// The portable suite: what netqueue promises, as tests that run wherever JavaScript does: Node, Bun, Deno, a page in a browser.
//
// A server, the counterpart, runs in one process, and the suite in another, or in the same one; any runtime may be either:
//
//   const server = await counterpart({ netqueue, address: 'tcp://127.0.0.1:0', options: {} })   // give on server.address
//   portableSuite({ name: 'Bun over tcp', describe, test, netqueue, address: () => address, options: {} })
//   await server.close()
//
// `netqueue` is the library as that runtime loads it: `import * as netqueue from 'netqueue'`. `describe` and `test` are those of any runner
// (node:test, bun:test, @std/testing/bdd, vitest; see runner.ts for where there is none). `options` are those of connect and listen:
// transports, token … Several suites may use one counterpart at the same time.
//
// The files of this folder import nothing but each other at run time, with `.ts`, and hold no syntax that has to be compiled: runtimes that
// strip types run them as they are, for others they are bundled (test/browser/bundle.ts).

export { counterpart } from './counterpart.ts'
export type { Counterpart } from './counterpart.ts'
export { runner } from './runner.ts'
export type { Outcome } from './runner.ts'
export { portableSuite } from './suite.ts'
