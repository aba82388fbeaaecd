// A worker of the shared queue, of whichever runtime: doubles numbers, each in a moment, so that nobody is done with all of them.
//
//   polyglot-worker.mjs ADDRESS ID

import { connect, json } from '../../src/index.ts'

const [address = '', id = ''] = process.argv.slice(2)
const token = process.env['NETQUEUE_TOKEN'] ?? ''
const client = await connect<number, number>(address, { id, token, item: json(), result: json() })
await client.process(async (n) => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  return 2 * n
})
