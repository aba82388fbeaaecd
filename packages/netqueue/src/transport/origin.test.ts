import { describe, expect, test } from 'vitest'
import { isPrivate, originOf } from './origin.ts'

describe('what nobody on the way can read', () => {
  test.each([
    'tcp://127.0.0.1:7000',
    'tcp://127.8.9.10:7000',
    'tcp://[::1]:7000',
    'ws://localhost/queue',
    'ws://localhost:80/queue',
    'unix:/run/queue.sock',
    'memory:here',
    'stdio:',
    'stdio:thread-1',
  ])('%s: it does not leave this machine', (remoteAddress) => {
    expect(isPrivate({ remoteAddress })).toBe(true)
  })

  test.each([
    'tcp://192.0.2.1:7000',
    'tcp://[2001:db8::1]:7000',
    'tcp://127.0.0.1.example.org:7000',
    'tcp://localhost.example.org:7000',
    'ws://example.org/127.0.0.1',
    'tcp://[::127.0.0.1]:7000',
    'http://stdio:80',
    'anything',
    '',
  ])('not %s, unless it is encrypted', (remoteAddress) => {
    expect(isPrivate({ remoteAddress })).toBe(false)
    expect(isPrivate({ remoteAddress, security: { encrypted: false } })).toBe(false)
    expect(isPrivate({ remoteAddress, security: { encrypted: true } })).toBe(true)
  })

  test('nor a duplex that says nothing of itself', () => {
    expect(isPrivate({})).toBe(false)
    expect(isPrivate({ security: { encrypted: true } })).toBe(true)
  })
})

test.each([
  ['tcp://192.0.2.1:7000', '192.0.2.1'],
  ['ws://192.0.2.1:80/queue', '192.0.2.1'],
  ['tls://[2001:DB8::7]:7000', '2001:db8:0:0'],
  ['tls://[fe80::1%eth0]:7000', 'fe80:0:0:0'],
  ['tls://[1:2:3:4:5:6:7:8]:7000', '1:2:3:4'],
  ['unix:/run/queue.sock', undefined],
  ['memory:here', undefined],
  [undefined, undefined],
])('the origin of %s is %s', (address, origin) => {
  expect(originOf(address)).toBe(origin)
})
