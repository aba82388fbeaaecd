// A counterpart of the portable suite, for runtimes that are tested from elsewhere. Prints its address, and ends with its standard input.

import * as netqueue from '../../src/index.ts'
import { counterpart } from '../portable/index.ts'

const server = await counterpart({ netqueue, address: 'tcp://127.0.0.1:0' })
console.log(server.address)
for await (const _ of process.stdin);
await server.close()
