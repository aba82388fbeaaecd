import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readOptions, UsageError } from '../src/options.ts'
import { folder } from './support/folder.ts'

const root = join(import.meta.dirname, '../../..')

test('without arguments: this checkout, four workers, and one of them is killed', () => {
  expect(readOptions([])).toEqual({ directory: root, workers: 4, kill: true, tree: false, manifest: undefined })
})

test('takes every option', () => {
  const directory = folder()
  expect(readOptions([directory, '--workers', '1', '--no-kill', '--manifest', '/tmp/m'])).toEqual({
    directory,
    workers: 1,
    kill: false,
    tree: false,
    manifest: '/tmp/m',
  })
  expect(readOptions(['--tree', '--workers', '3'])).toMatchObject({ workers: 3, kill: true, tree: true })
  expect(readOptions(['--help'])).toBe('help')
})

const wrong: [args: string[], message: string][] = [
  [['--workers', '0'], 'Expected `--workers` to be an integer from 2 to 64 (one is killed, see --no-kill), got `0`'],
  [['--workers', '1'], 'Expected `--workers` to be an integer from 2 to 64 (one is killed, see --no-kill), got `1`'],
  [['--workers', '0', '--no-kill'], 'Expected `--workers` to be an integer from 1 to 64, got `0`'],
  [['--workers', '1', '--tree', '--no-kill'], 'an integer from 2 to 64 (each relay has one), got `1`'],
  [['--workers', '65'], 'got `65`'],
  [['--workers', '2.5'], 'got `2.5`'],
  [['--workers', 'many'], 'got `many`'],
  [['--workers'], "'--workers <value>' argument missing"],
  [['--speed'], "Unknown option '--speed'"],
  [['.', '..'], 'Expected one directory, got 2'],
  [['/there/is/nothing'], 'Cannot list the directory /there/is/nothing: ENOENT'],
  [[import.meta.filename], 'options.test.ts: ENOTDIR'],
  [[`${import.meta.filename}/below`], 'below: ENOTDIR'],
]
test.for(wrong)('%j is refused with a message that says why', ([args, message]) => {
  expect(() => readOptions(args)).toThrow(UsageError)
  expect(() => readOptions(args)).toThrow(message)
})
