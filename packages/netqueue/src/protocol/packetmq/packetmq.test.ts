import { readFileSync } from 'node:fs'
import { describe, test } from 'vitest'

import { testProtocol } from '../../conformance/index.ts'
import type { ProtocolVector } from '../../conformance/index.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import { packetmq } from './packetmq.ts'

interface Vector {
  name: string
  hex: string
  id: number
}

const { packets, invalid } = JSON.parse(
  readFileSync(new URL('../../../../../docs/packetmq-vectors.json', import.meta.url), 'utf8'),
) as { packets: Vector[]; invalid: (Vector & { code: string })[] }

const functions = { describe, test }
const text = { payload: type<string>() }
const messages = defineMessages({
  'app:echo': { ...text, id: 17 },
  'app:reply': { ...text, id: 18 },
  'app:show': { ...text, id: 19 },
})

const hexOf = (name: string): string => packets.find((packet) => packet.name.startsWith(name))?.hex ?? ''
const PUBIDS = hexOf('handshake_pubids')
const ADAPTING = PUBIDS.replace('6164617074c2', '6164617074c3')
const INITS = [hexOf('handshake_init of Python 3'), hexOf('handshake_init of Python 2')]
const FINISH = hexOf('handshake_finish')

/** What either side hears behind a handshake, with whoever speaks the other part. */
function behind({ name, hex }: Vector, heard: Pick<ProtocolVector, 'hears' | 'code'>): ProtocolVector[] {
  return INITS.flatMap((init, index): ProtocolVector[] => [
    {
      name: `${name}, from a client in Python ${3 - index}`,
      to: 'server',
      hex: init + ADAPTING + FINISH + hex,
      ...heard,
    },
    {
      name: `${name}, from a server in Python ${3 - index}`,
      to: 'client',
      hex: init + PUBIDS + FINISH + hex,
      ...heard,
    },
  ])
}

const vectors = [
  ...packets.filter(({ id }) => id === 1).flatMap((vector) => behind(vector, { hears: ['goaway', 'disconnect'] })),
  ...packets.filter(({ id }) => id > 3).flatMap((vector) => behind(vector, { hears: ['message'] })),
  ...invalid.flatMap((vector) => behind(vector, { code: vector.code })),
]

testProtocol({ name: 'packetmq', create: packetmq, messages, vectors }, functions)

testProtocol(
  {
    name: 'packetmq, with a packet for items',
    create: () => packetmq({ items: 'app:show' }),
    messages,
    items: ['a', 'b', '7'], // each a value of msgpack
  },
  functions,
)
