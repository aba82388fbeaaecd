import { expect, test } from 'vitest'
import type { Digest } from '../src/digest.ts'
import { Manifest } from '../src/manifest.ts'
import { judge } from '../src/verdict.ts'
import { folder } from './support/folder.ts'

const hashed = (sha256: string): Digest => ({ sha256, bytes: 1 })

function manifestOf(digests: Record<string, Digest>): Manifest {
  const manifest = new Manifest()
  for (const [path, found] of Object.entries(digests)) manifest.add(path, found)
  return manifest
}

test('tells what is missing, what is different and what came twice', () => {
  const manifest = manifestOf({ same: hashed('1'), other: hashed('2') })
  manifest.add('same', hashed('1'))
  const expected = manifestOf({ same: hashed('1'), other: hashed('3'), gone: hashed('4') })
  expect(manifest.compare(expected)).toEqual({ missing: ['gone'], different: ['other'] })
  expect(manifest.repeated).toEqual(['same'])
})

test('files that neither could read are equal, and files that one could read are not', () => {
  const manifest = manifestOf({ locked: { error: 'EACCES' }, opened: { error: 'EACCES' } })
  const expected = manifestOf({ locked: { error: 'EACCES' }, opened: hashed('1') })
  expect(manifest.compare(expected)).toEqual({ missing: [], different: ['opened'] })
  expect(manifest.unreadable.map(({ path }) => path)).toEqual(['locked', 'opened'])
})

test('is written as sha256sum does: in the order of the paths, with odd names escaped, without what is unreadable', () => {
  const paths = ['b', 'a', 'line\nbreak', 'back\\slash', 'é']
  const manifest = manifestOf({
    ...Object.fromEntries(paths.map((path) => [path, hashed('0f')])),
    c: { error: 'EACCES' },
  })
  expect(manifest.toString()).toBe('0f  a\n0f  b\n\\0f  back\\\\slash\n\\0f  line\\nbreak\n0f  é\n')
})

test('a difference in a file that was written or removed meanwhile is a change, and any other is wrong', async () => {
  const startedMs = Date.now()
  const directory = folder({ kept: '' })
  const digests = (sha256: string): Manifest => manifestOf({ kept: hashed(sha256), removed: hashed(sha256) })
  const evidence = { directory, manifest: digests('1'), expected: digests('2') }
  expect(await judge({ ...evidence, startedMs: startedMs + 3_600_000 })).toMatchObject({
    wrong: ['kept'],
    changed: ['removed'],
  })
  expect(await judge({ ...evidence, startedMs })).toMatchObject({ wrong: [], changed: ['kept', 'removed'] })
})
