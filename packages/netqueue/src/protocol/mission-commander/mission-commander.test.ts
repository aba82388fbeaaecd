import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { testProtocol } from '../../conformance/index.ts'
import type { ProtocolVector } from '../../conformance/index.ts'
import { json } from '../../message/codec.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import { bodyOf, frameOf, headerOf, NEGOTIATION, SHUTDOWN } from './frame.ts'
import { missionCommander } from './mission-commander.ts'

interface Frame {
  name: string
  subject: string
  payload: unknown
  hex: string
  /** Whether the original writes it so. */
  canonical: boolean
}

const { frames, invalid } = JSON.parse(
  readFileSync(new URL('../../../../../docs/mission-commander-vectors.json', import.meta.url), 'utf8'),
) as { frames: Frame[]; invalid: { name: string; hex: string; code: string }[] }

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const NEGOTIATED = frames.find(({ subject }) => subject === NEGOTIATION)?.hex ?? ''

const text = { payload: type<string>(), codec: json<string>() }
const subjects = frames
  .map(({ subject }) => subject)
  .filter((subject) => subject !== NEGOTIATION && subject !== SHUTDOWN)
const messages = defineMessages(Object.fromEntries([...new Set(subjects)].map((subject) => [subject, text])))

/** What each side hears, behind the introduction. */
const vectors = frames
  .filter(({ subject }) => subject !== NEGOTIATION)
  .flatMap(({ name, subject, hex }): ProtocolVector[] => {
    const isLast = subject === SHUTDOWN
    return [
      { name: `${name}, to a server`, to: 'server', hex: NEGOTIATED + hex, hears: [isLast ? 'disconnect' : 'message'] },
      { name: `${name}, to a client`, to: 'client', hex, hears: isLast ? ['goaway', 'disconnect'] : ['message'] },
    ]
  })

testProtocol(
  {
    name: 'mission-commander',
    create: missionCommander,
    messages,
    vectors: [
      ...vectors,
      { name: 'a negotiation', to: 'server', hex: NEGOTIATED },
      { name: 'a second one', to: 'server', hex: NEGOTIATED + NEGOTIATED, code: 'UNEXPECTED_FRAME' },
      ...invalid.flatMap(({ name, hex, code }): ProtocolVector[] => [
        { name: `${name}, as the first word`, to: 'server', hex, code },
        { name: `${name}, to a server`, to: 'server', hex: NEGOTIATED + hex, code },
        { name: `${name}, to a client`, to: 'client', hex, code },
      ]),
    ],
  },
  { describe, test },
)

test.each(frames)('vector: $name is read as it stands there', ({ subject, payload, hex }) => {
  const frame = Buffer.from(hex, 'hex')
  const body = bodyOf(frame)
  expect(headerOf(frame)).toEqual({ subject, length: body.length })
  expect(JSON.parse(Buffer.from(body).toString())).toEqual(payload)
})

test.each(frames.filter(({ canonical }) => canonical))('vector: $name is written as it stands there', (vector) => {
  const { subject, hex } = vector
  expect(hexOf(frameOf(subject, bodyOf(Buffer.from(hex, 'hex'))))).toBe(hex)
})
