import { describe, test } from 'vitest'
import { Authority } from '../../test/support/certificates.ts'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
import { websocket } from './websocket.ts'

const authority = await Authority.found()
const tls = { ca: authority.ca, ...(await authority.issue()) }

for (const [name, scheme] of [
  ['ws', 'ws:'],
  ['wss', 'wss:'],
] as const)
  testTransport(
    {
      name,
      create: (options) => websocket({ tls, ...options }),
      address: `${scheme}//127.0.0.1:0/queue`,
      nobody: `${scheme}//127.0.0.1:1/queue`,
      around: leavingNoHandle,
    },
    { describe, test },
  )
