import { describe, test } from 'vitest'
import { Authority } from '../../test/support/certificates.ts'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
import { tls } from './tls.ts'

const authority = await Authority.found()
const identity = await authority.issue()
const { ca } = authority

for (const [name, host] of [
  ['IPv4', '127.0.0.1'],
  ['a name', 'localhost'],
] as const)
  testTransport(
    {
      name: `tls, ${name}`,
      create: (options) => tls({ ca, ...identity, ...options }),
      address: `tls://${host}:0`,
      nobody: `tls://${host}:1`,
      around: leavingNoHandle,
    },
    { describe, test },
  )
