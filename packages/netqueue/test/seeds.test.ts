import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const docs = join(root, 'docs')

/** One line of a table of the page: what an original has, what this library has, and by which tests it is shown. */
interface Line {
  what: string
  tests: string[]
  /** It is part of a program that is yet to come. */
  isLater: boolean
}

const SEEDS = ['net-queue', 'packetstream', 'packetmq', 'MissionCommander', 'SimpleServer']
const LATER = /^comes with the (?:command line|console)$/

/** The lines of each section, by its heading. */
function sections(page: string): Map<string, Line[]> {
  const parts = page.split(/^## /m).slice(1)
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), linesOf(part)]))
}

function linesOf(section: string): Line[] {
  return rowsOf(section).map((row) => {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1)
    const [what = '', here = '', shown = ''] = cells.map((cell) => cell.trim())
    return { what, tests: namesIn(shown), isLater: LATER.test(here) && cells.length === 3 }
  })
}

/** The rows of all tables, without their heads. */
function rowsOf(section: string): string[] {
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  const isRule = (row: string | undefined): boolean => row !== undefined && /^[|\s:-]+$/.test(row)
  return rows.filter((row, index) => !isRule(row) && !isRule(rows[index + 1]))
}

/** Titles stand in backquotes, guides as links. */
function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`|\]\((from-[^)]+)\)/g)].map(([, title = '', link = '']) => title || link)
}

/** What is wrong with the page, in one line each. */
function faults(page: string, exists: (name: string) => boolean): string[] {
  return [...sections(page)].flatMap(([heading, lines]) => [
    ...lines
      .filter(({ tests, isLater }) => tests.length === 0 && !isLater)
      .map(({ what }) => `${heading}: ${what} has no test`),
    ...lines.flatMap(({ what, tests }) =>
      tests.filter((name) => !exists(name)).map((name) => `${heading}: ${what} names what is no test: ${name}`),
    ),
  ])
}

/** All that stands first in a call, as a title does; nothing that is skipped or only a heading of tests. */
function titles(): Set<string> {
  const files = readdirSync(join(root, 'packages'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\.test\.ts$|\bconformance\/.*\.ts$/.test(path) && !/node_modules|dist|\.docs/.test(path),
  )
  const found = files.flatMap((path) => [
    ...readFileSync(join(root, 'packages', path), 'utf8').matchAll(
      /(?<!describe|\.skip|\.todo)\(\s*(?:'((?:[^'\\\n]|\\.)+)'|"([^"\n]+)"|`([^`\n]+)`),/g,
    ),
  ])
  return new Set(found.map(([, single, double, back]) => (single ?? double ?? back ?? '').replaceAll(/\\(.)/g, '$1')))
}

/** Whether a link leads to a heading of a guide that has a program, which docs.test.ts runs. */
function isRunning(link: string): boolean {
  const [file = '', anchor] = link.split('#')
  const parts = readFileSync(join(docs, file), 'utf8').split(/^#+ /m)
  const part = parts.find((text) => slug(text.slice(0, text.indexOf('\n'))) === anchor)
  return part !== undefined && /^```ts$/m.test(part)
}

const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

test('every documented member of the originals has a test that runs it', () => {
  const page = readFileSync(join(docs, 'seeds.md'), 'utf8')
  const known = titles()
  const counts = [...sections(page)].map(([heading, lines]) => [heading, lines.length > 15])
  expect(counts).toEqual(SEEDS.map((heading) => [heading, true]))
  expect(faults(page, (name) => known.has(name) || (name.startsWith('from-') && isRunning(name)))).toEqual([])
})

test('every original has its defects listed, none of which is here', () => {
  const page = readFileSync(join(docs, 'seeds.md'), 'utf8')
  const parts = page.split(/^## /m).slice(1)
  expect(parts.filter((part) => !/^What it does wrong.*nothing here does:$/m.test(part))).toEqual([])
})

describe('a line is at fault', () => {
  const page = (line: string): string => `# Title\n\n## seed\n\n| a | b | c |\n| --- | --- | --- |\n${line}\n`
  test.each([
    ['without a test', '| `get` | `get` | |', ['seed: `get` has no test']],
    ['without a column for tests', '| `get` | `get` |', ['seed: `get` has no test']],
    ['with a test that is none', '| `get` | `get` | `nothing` |', ['seed: `get` names what is no test: nothing']],
    ['with one of two', '| `get` | `get` | `there`, `gone` |', ['seed: `get` names what is no test: gone']],
    [
      'with a guide that has no such program',
      '| `a` | b | [x](from-x.md#y) |',
      ['seed: `a` names what is no test: from-x.md#y'],
    ],
  ])('%s', (_, line, expected) => {
    expect(faults(page(line), (name) => name === 'there')).toEqual(expected)
  })

  test.each([
    ['with a test', '| `get` | `a \\| b` | `there` |'],
    ['of the command line', '| `client set` | comes with the command line | |'],
    ['of the console', '| the GUI | comes with the console | |'],
  ])('never %s', (_, line) => {
    expect(faults(page(line), (name) => name === 'there')).toEqual([])
  })
})
