import { join } from 'node:path'
import { expect, test } from 'vitest'
import { digest } from '../src/digest.ts'
import { folder } from './support/folder.ts'

test('hashes the content of a file', async () => {
  const root = folder({ abc: 'abc', empty: '' })
  expect(await digest(join(root, 'abc'))).toEqual({
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    bytes: 3,
  })
  expect(await digest(join(root, 'empty'))).toMatchObject({ bytes: 0 })
})

test('a file that is gone or cannot be read is an answer with the code of the system', async () => {
  const root = folder()
  expect(await digest(join(root, 'missing'))).toEqual({ error: 'ENOENT' })
  expect(await digest(root)).toEqual({ error: 'EISDIR' })
})

test('rejects with the reason of a signal that fires', async () => {
  const root = folder({ large: 'x'.repeat(1_000_000) })
  const reason = new Error('enough')
  const stop = new AbortController()
  const reading = digest(join(root, 'large'), stop.signal)
  stop.abort(reason)
  await expect(reading).rejects.toBe(reason)
})
