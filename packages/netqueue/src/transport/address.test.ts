import { expect, test } from 'vitest'
import { chooseTransport, formatHostPort, parseHostPort } from './address.ts'
import { memory } from './memory.ts'
import { tcp } from './tcp.ts'
import { unix } from './unix.ts'

const transports = [tcp(), unix(), memory()]

test.each(['tcp://a:1', 'unix:/a', 'memory:a'])('%s goes to the transport of its form', (address) => {
  expect(address.startsWith(chooseTransport(address, transports).form.split(':')[0] as string)).toBe(true)
})

test('the first transport that accepts an address gets it', () => {
  const mine = memory()
  expect(chooseTransport('memory:a', [mine, ...transports])).toBe(mine)
})

test.each(['http://a', '127.0.0.1:7000', '', '/tmp/socket'])(
  '%j fits no transport: the error shows all forms',
  (address) => {
    const choose = (): unknown => chooseTransport(address, transports)
    expect(choose).toThrow(TypeError)
    expect(choose).toThrow(
      `Expected \`address\` to look like \`tcp://host:port\` or \`unix:/path\` or \`memory:name\`, got ${JSON.stringify(address)}`,
    )
  },
)

test('an address of WebSocket, where that is not passed, is told what to pass', () => {
  expect(() => chooseTransport('wss://a/b', transports)).toThrow(
    /transports: \[websocket\(\)\]` of netqueue\/websocket$/,
  )
})

test('an address that is no string is shown with its type', () => {
  expect(() => chooseTransport(7000 as unknown as string, transports)).toThrow('got 7000 (number)')
})

test.each([
  ['127.0.0.1:7000', { host: '127.0.0.1', port: 7000 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['[fe80::1%eth0]:65535', { host: 'fe80::1%eth0', port: 65_535 }],
  ['example.org:80', { host: 'example.org', port: 80 }],
  ['a_b-c.d:80', { host: 'a_b-c.d', port: 80 }],
  [':80', { host: '', port: 80 }],
])('%s is parsed, and formatted back', (text, parts) => {
  expect(parseHostPort(text)).toEqual(parts)
  expect(formatHostPort(parts)).toBe(text)
})

test.each([
  'a',
  'a:',
  'a:-1',
  'a:1e3',
  'a:65536',
  '::1:80',
  '[a]:1',
  '[1.2.3.4]:1',
  'a b:1',
  ' a:1',
  'a:1 ',
  'a:1\n',
  'u@a:1',
  'a/b:1',
])('%j is no host and port', (text) => {
  expect(parseHostPort(text)).toBeUndefined()
})
