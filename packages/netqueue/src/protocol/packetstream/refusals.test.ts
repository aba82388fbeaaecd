import { expect, test } from 'vitest'
import { readRefusal, refusalPayload, tagInUse } from './refusals.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const said = (payload: Uint8Array): string => new TextDecoder().decode(payload)

test.each([
  ['exception during handler', 'HANDLER_FAILED', '', false],
  ['exception during handler: NOT_FOUND', 'NOT_FOUND', '', false],
  ['exception during handler: CLOSED', 'CLOSED', '', false],
  ['exception during handler: not.found:x: it is gone: twice', 'not.found:x', 'it is gone: twice', false],
  [
    'exception during handler: HANDLER_FAILED: a secret\nof two lines',
    'HANDLER_FAILED',
    'a secret\nof two lines',
    false,
  ],
  ['no request handler', 'UNKNOWN_REQUEST', '', true],
  ['rejecting request: runstate.cancelled', 'CLOSED', '', true],
  ['TOO_MANY_REQUESTS', 'TOO_MANY_REQUESTS', '', true],
  ['NOT_AUTHORIZED', 'NOT_AUTHORIZED', '', true],
])('%s, both ways', (payload, code, reason, isUnbegun) => {
  expect(said(refusalPayload({ code, reason, isUnbegun }))).toBe(payload)
  expect(readRefusal(text(payload))).toEqual({ code, reason, isUnbegun })
})

test.each([
  ['requests no longer allowed', 'CLOSED'],
  ['unknown channel %d', 'UNKNOWN_CHANNEL'],
  ['unknown channel 7', 'UNKNOWN_CHANNEL'],
  [tagInUse(0, 5), 'TAG_IN_USE'],
])('%s is understood, and means that no handler was called', (payload, code) => {
  expect(readRefusal(text(payload))).toEqual({ code, reason: '', isUnbegun: true })
})

test('a text of nobody we know is the reason of a handler that failed, and is cut at 1,024 characters', () => {
  expect(readRefusal(text('CLOSED'))).toEqual({ code: 'HANDLER_FAILED', reason: 'CLOSED', isUnbegun: false })
  expect(readRefusal(text('x'.repeat(2_000))).reason).toBe('x'.repeat(1_024))
  expect(readRefusal(Uint8Array.of(0xff, 0x61)).reason).toBe('�a')
})

test('what was refused before it began, for a reason that no original knows, is a handler that failed to it', () => {
  expect(said(refusalPayload({ code: 'ANYTHING', reason: '', isUnbegun: true }))).toBe(
    'exception during handler: ANYTHING',
  )
})
