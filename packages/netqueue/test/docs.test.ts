import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { afterAll, describe, expect, test, vi } from 'vitest'

import { ownPort } from './support/ports.ts'

const root = join(import.meta.dirname, '../../..')
const scratch = join(import.meta.dirname, '.docs')

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** TypeScript blocks in a row that run together, and what they print. */
interface Program {
  title: string
  sources: string[]
  output: string
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm

/** A block of tests is no program: it becomes tests of this file. */
const isTests = (code: string): boolean => code.includes("from 'vitest'")

function testsOf(text: string): string[] {
  return [...text.matchAll(FENCE)].flatMap(([, language, code = '']) =>
    language === 'ts' && isTests(code) ? [code] : [],
  )
}

/** Every other `ts` block belongs to a program, which ends with a `text` block: what it prints. */
function programs(page: string, text: string): Program[] {
  const found: Program[] = []
  let sources: string[] = []
  for (const [, language, code = ''] of text.matchAll(FENCE)) {
    if (language === 'ts' && !isTests(code)) sources.push(code)
    if (language !== 'text' || sources.length === 0) continue
    found.push({ title: `${page}, program ${found.length + 1}`, sources, output: code })
    sources = []
  }
  if (sources.length > 0) throw new Error(`${page} has TypeScript without a text block that says what it prints`)
  return found
}

/** A program's first file is its server; the others connect to it. */
async function listening(port: number): Promise<void> {
  for (let isOpen = false; !isOpen;) {
    isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy().destroyed))
      socket.on('error', () => resolve(false))
    })
  }
}

async function run({ title, sources }: Program): Promise<string> {
  const port = await ownPort()
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void lines.push(values.join(' ')))
  try {
    const runs: Promise<unknown>[] = []
    for (const [index, source] of sources.entries()) {
      const file = scratchFile(`${title}-${index}`, source.replaceAll('127.0.0.1:7000', `127.0.0.1:${port}`))
      runs.push(import(file))
      if (index === 0 && sources.length > 1) await listening(port)
    }
    await Promise.all(runs)
  } finally {
    log.mockRestore()
  }
  return lines.map((line) => `${line}\n`).join('')
}

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

function scratchFile(name: string, source: string): string {
  mkdirSync(scratch, { recursive: true })
  const file = join(scratch, `${name.replaceAll(/\W+/g, '-')}.ts`)
  writeFileSync(file, source)
  return file
}

describe.each(pages)('%s', async (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  for (const [index, source] of testsOf(text).entries()) await import(scratchFile(`${page}, tests ${index}`, source))

  test.for(programs(page, text))('$title prints what it says', async (program) => {
    expect(await run(program)).toBe(program.output)
  })

  test('links lead somewhere', () => {
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, target = '']) => target)
    const folder = page.includes('/') ? 'docs' : '.'
    const existing = targets.filter((target) => existsFrom(join(root, folder), target))
    expect(existing).toEqual(targets)
  })
})

function existsFrom(folder: string, target: string): boolean {
  try {
    readdirSync(join(folder, target))
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'ENOTDIR'
  }
}

test('docs/errors.md has a heading for every code, and no other', () => {
  const declared = readFileSync(join(root, 'packages/netqueue/src/errors/errors.ts'), 'utf8').matchAll(
    /^ {2}\| '(\w+)'$/gm,
  )
  const headings = readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^## (\w+)$/gm)
  expect([...headings].map(([, code]) => code)).toEqual([...declared].map(([, code]) => code))
})
