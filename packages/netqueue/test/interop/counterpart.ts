// A counterpart of the portable suite, for runtimes that are tested from elsewhere. Prints its addresses, and ends with its standard input.

import * as netqueue from '../../src/index.ts'
import { websocket } from '../../src/transport/websocket.ts'
import { counterpart } from '../portable/index.ts'

const addresses = ['tcp://127.0.0.1:0', 'ws://127.0.0.1:0']
const options = { transports: [netqueue.tcp(), websocket()] }
const servers = await Promise.all(addresses.map((address) => counterpart({ netqueue, address, options })))
console.log(servers.map(({ address }) => address).join(' '))
for await (const _ of process.stdin);
await Promise.all(servers.map((server) => server.close()))
