import { once } from 'node:events'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '../src/files.ts'
import { folder } from './support/folder.ts'

const sorted = async (root: string): Promise<string[]> => (await listFiles(root)).files.toSorted()

test('lists every regular file below a directory, hidden ones too', async () => {
  const root = folder({ a: '', '.b': '', 'c/d': '', 'c/.e/f': '' })
  const { files, directories, skipped, unreadable } = await listFiles(root)
  expect(files.toSorted()).toEqual(['.b', 'a', 'c/.e/f', 'c/d'])
  expect({ directories, skipped, unreadable }).toEqual({ directories: 3, skipped: 0, unreadable: [] })
})

test('an empty directory has no files', async () => {
  expect(await listFiles(folder())).toEqual({ files: [], directories: 1, skipped: 0, unreadable: [] })
})

test('links are counted and not followed, be it to files, to directories, to nowhere or in a circle', async () => {
  const root = folder({ 'real/file': '' })
  symlinkSync('real/file', join(root, 'to-file'))
  symlinkSync('real', join(root, 'to-directory'))
  symlinkSync('missing', join(root, 'to-nowhere'))
  symlinkSync('..', join(root, 'real/circle'))
  const { files, skipped } = await listFiles(root)
  expect({ files, skipped }).toEqual({ files: ['real/file'], skipped: 4 })
})

test('sockets are counted and not opened', async () => {
  const root = folder({ file: '' })
  const server = createServer().listen(join(root, 'socket'))
  await once(server, 'listening')
  const listing = await listFiles(root)
  server.close()
  expect(listing).toMatchObject({ files: ['file'], skipped: 1 })
})

test('names may hold line breaks, spaces, backslashes and any script', async () => {
  const names = [' ', '-n', 'line\nbreak', 'back\\slash', 'naïve', '日本', '🙂', '\uFFFD'].toSorted()
  const root = folder(Object.fromEntries(names.map((name) => [name, ''])))
  expect(await sorted(root)).toEqual(names)
})

test.runIf(process.platform === 'linux')('a name that is not UTF-8 is unreadable, and the rest is listed', async () => {
  const root = folder({ file: '' })
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x61])]), '')
  expect(await listFiles(root)).toMatchObject({ files: ['file'], unreadable: [{ path: '\uFFFDa', error: 'EILSEQ' }] })
})

test('a directory that the system cannot name is unreadable, and the rest is listed', async () => {
  const root = folder({ file: '' })
  const before = process.cwd()
  process.chdir(root)
  for (let depth = 0; depth < 20; depth += 1) {
    mkdirSync('d'.repeat(250))
    process.chdir('d'.repeat(250))
  }
  process.chdir(before)
  const { files, unreadable } = await listFiles(root)
  expect(files).toEqual(['file'])
  expect(unreadable).toMatchObject([{ error: 'ENAMETOOLONG' }])
})

// The superuser may read everything, so there is nothing to see as root.
test.skipIf(process.getuid?.() === 0)(
  'a directory without permission is unreadable, and the rest is listed',
  async () => {
    const root = folder({ file: '' })
    mkdirSync(join(root, 'locked'))
    chmodSync(join(root, 'locked'), 0)
    const { files, unreadable } = await listFiles(root)
    chmodSync(join(root, 'locked'), 0o700)
    expect({ files, unreadable }).toEqual({ files: ['file'], unreadable: [{ path: 'locked', error: 'EACCES' }] })
  },
)
