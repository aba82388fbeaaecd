import { expect, test } from 'vitest'

import { packetLayout } from './frame.ts'

const layout = packetLayout(2_000)
const measured = (hex: string): number | undefined => layout.measure(Buffer.from(hex, 'hex'), 0)

test('a packet is measured as soon as its length is known, and one of a length that none has is refused then', () => {
  expect([measured('000007'), measured('000007d0'), measured('00000002')]).toEqual([undefined, 2_004, 6])
  expect(() => measured('00000001')).toThrow('Expected a packet of at least 2 bytes, got 1')
  expect(() => measured('000007d1')).toThrow('Expected a packet of at most 2000 bytes (maxPacketBytes), got 2001')
})

test('other protocols are told by their first bytes', () => {
  expect(() => measured(Buffer.from('GET / HTTP').toString('hex'))).toThrow(': the peer seems to speak HTTP')
  expect(() => measured('16030100f8')).toThrow(': the peer seems to speak TLS')
})
