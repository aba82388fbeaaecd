// A worker, of whichever runtime: doubles numbers until its server leaves. Its only argument is the server's address; without one it is that
// of whoever started it.

import { connect } from '../../src/index.ts'

const [address = 'stdio:'] = process.argv.slice(2)
const client = await connect<number, number>(address)
await client.process((n) => 2 * n, { concurrency: 2 })
