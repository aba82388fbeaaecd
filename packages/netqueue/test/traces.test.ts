import { expect, test } from 'vitest'

import { connect, defineMessages, listen, memory, text, type } from '../src/index.ts'
import type { LoggerOptions } from '../src/options/logger.ts'
import { netQueue } from '../src/protocol/index.ts'

type Line = [what: string, fields: Record<string, unknown>]

function recording(): { lines: Line[]; logger: LoggerOptions } {
  const lines: Line[] = []
  const quiet = (): void => {}
  const trace = (fields: object, what: string): void => void lines.push([what, { ...fields }])
  return { lines, logger: { logger: { debug: quiet, info: quiet, warn: quiet, trace }, trace: true } }
}

const messages = defineMessages({
  'math:add': { payload: type<number[]>(), reply: type<number>() },
  'news:flash': { payload: type<string>() },
})

const told = (lines: Line[], what: string): Record<string, unknown>[] =>
  lines.filter(([name]) => name === what).map(([, fields]) => fields)

test('a trace tells kinds, numbers and lengths of what is sent and received, and the labels of requests', async () => {
  const transports = [memory()]
  const here = recording()
  const there = recording()
  const server = await listen<string, string, typeof messages>('memory:traced', {
    transports,
    messages,
    ...there.logger,
  })
  const client = await connect<string, string, typeof messages>('memory:traced', {
    transports,
    messages,
    id: 'me',
    ...here.logger,
  })
  server.handle('math:add', ([a = 0, b = 0]) => a + b)
  expect(await client.request('math:add', [1, 2], { label: 'the sum of Ada' })).toBe(3)
  await client.request('math:add', [1, 2])
  await client.send('news:flash', 'secret words')
  const item = server.get()
  await client.put('secret item')
  expect(await item).toBe('secret item')
  client.setStatus('secret status')
  await client.close()
  await server.close()

  const [labelled, plain] = told(here.lines, 'sent request')
  expect(labelled).toMatchObject({ peer: server.id, tag: 1, channel: 0, bytes: 3, label: 'the sum of Ada' })
  expect(plain).not.toHaveProperty('label')
  expect(told(here.lines, 'received response')).toMatchObject([
    { tag: 1, bytes: 1, label: 'the sum of Ada' },
    { tag: 2 },
  ])
  expect(told(there.lines, 'received request')).toMatchObject([{ peer: 'me', tag: 1, bytes: 3 }, { tag: 2 }])
  expect(told(there.lines, 'received request')[0]).not.toHaveProperty('label')
  expect(told(here.lines, 'sent item')).toMatchObject([{ seq: 1, attempt: 1, wantsResult: false, bytes: 12 }])
  expect(told(there.lines, 'received items')).toMatchObject([{ first: 1, count: 1, bytes: 12 }])
  expect(told(there.lines, 'received message')).toHaveLength(1)
  expect(told(here.lines, 'sent status')).toEqual([{ peer: server.id }])
  expect(told(there.lines, 'received status')).toEqual([{ peer: 'me' }])
  for (const lines of [here.lines, there.lines]) {
    expect(told(lines, 'sent introduction').length).toBeGreaterThan(0)
    expect(told(lines, 'received introduction').length).toBeGreaterThan(0)
    expect(told(lines, 'sent frame').every(({ frame }) => Number(frame) > 0)).toBe(true)
  }
  expect(JSON.stringify([here.lines, there.lines])).not.toContain('secret')
})

test('every protocol is traced alike: an original net-queue server of ours is told of, too', async () => {
  const transports = [memory()]
  const { lines, logger } = recording()
  const server = await listen<string, string>('memory:original', { transports, item: text(), result: text() })
  const client = await connect<string, string>('memory:original', { transports, protocol: netQueue(), ...logger })
  const item = client.get()
  await server.put('secret item')
  expect(await item).toBe('secret item')
  await client.put('secret result')
  await client.close()
  await server.close()
  // It has no words for these.
  const unspoken = ['sent goaway', 'sent settle']
  expect(lines.map(([what]) => what).filter((what) => !unspoken.includes(what))).toEqual([
    'sent introduction',
    'received introduction',
    'received frame',
    'received frame',
    'received items',
    'sent item',
    'sent frame',
    'sent goodbye',
    'received frame',
    'received disconnect',
  ])
  expect(told(lines, 'sent frame')).toEqual([{ peer: '', frame: 15 }])
  expect(JSON.stringify(lines)).not.toContain('secret')
  expect(told(lines, 'received items')).toEqual([
    { peer: '', first: 1, attempt: 1, wantsResult: false, count: 1, bytes: 11 },
  ])
})

test('a trace needs a logger that has it, and one that throws disturbs nobody', async () => {
  const transports = [memory()]
  await expect(listen('memory:none', { transports, trace: true })).rejects.toThrow('`logger` to have a method `trace`')
  const fail = (): void => {
    throw new Error('the disk is full')
  }
  const logger = { debug: fail, info: fail, warn: fail, trace: fail }
  const server = await listen<string, string>('memory:full', { transports, logger, trace: true })
  const client = await connect<string, string>('memory:full', { transports, logger, trace: true })
  const item = client.get()
  await server.put('x')
  expect(await item).toBe('x')
  await client.close()
  await server.close()
})

test('without `trace: true` nothing is traced, whatever the logger has', async () => {
  const transports = [memory()]
  const { lines, logger } = recording()
  const server = await listen('memory:untraced', { transports, ...logger, trace: false })
  await (await connect('memory:untraced', { transports })).close()
  await server.close()
  expect(lines).toEqual([])
})
