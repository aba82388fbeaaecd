import { readFileSync } from 'node:fs'
import { describe, test } from 'vitest'

import { testProtocol } from '../../conformance/index.ts'
import type { ProtocolVector } from '../../conformance/index.ts'
import type { Message } from '../message.ts'
import { native, netQueue } from './net-queue.ts'

interface Step {
  from: 'client' | 'server'
  decoded: { type: string; records?: { kind: string; ranges?: unknown[]; code?: string }[] }
}

interface Vectors {
  sessions: { name: string; client: string; steps: Step[] }[]
  original: {
    frames: { name: string; hex: string; decoded: { type: string } }[]
    invalid: { name: string; hex: string; code: string }[]
  }
}

const { sessions, original } = JSON.parse(
  readFileSync(new URL('../../../../../docs/protocol-vectors.json', import.meta.url), 'utf8'),
) as Vectors

const functions = { describe, test }
const CONN = '000000020001'

/** The types of the messages that a client says, behind its introduction. */
function said(steps: readonly Step[]): Message['type'][] {
  const types = steps.flatMap(({ from, decoded: { type, records = [] } }) => {
    if (from !== 'client') return []
    if (type === 'disconn') return ['disconnect']
    return records.flatMap(({ kind, ranges = [0], code }) =>
      ranges.map(() => (code !== undefined && kind === 'result' ? 'failed' : kind)),
    )
  })
  return types as Message['type'][]
}

testProtocol(
  {
    name: 'netqueue/1',
    create: native,
    vectors: sessions.map(({ name, client, steps }) => ({ name, to: 'server', hex: client, hears: said(steps) })),
  },
  functions,
)

/** What the frames of an original mean to users; nothing is told of the others. */
const HEARD: Readonly<Record<string, Message['type'][]>> = {
  disconn: ['disconnect'],
  ping: ['ping'],
  status: ['status'],
  enqueue: ['items'],
}

const originalVectors: readonly Omit<ProtocolVector, 'to'>[] = [
  ...original.frames.map(({ name, hex, decoded }) => ({ name, hex: CONN + hex, hears: HEARD[decoded.type] ?? [] })),
  ...original.invalid.map(({ hex, ...rest }) => ({ ...rest, hex: CONN + hex })),
]

testProtocol(
  {
    name: 'net-queue, the original',
    create: netQueue,
    vectors: originalVectors.flatMap(({ name, ...vector }) => [
      { ...vector, name: `${name}, as a server hears it`, to: 'server' },
      { ...vector, name: `${name}, as a client hears it`, to: 'client' },
    ]),
  },
  functions,
)
