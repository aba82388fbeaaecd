import { readFileSync, readdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, posix } from 'node:path'

import { describe, expect, test } from 'vitest'
import { parseSync } from 'vite'

/** From top to bottom, under the files at the root of `src`. A folder imports from itself and from the folders below it. */
const LAYERS = [
  'relay',
  'workers',
  'client',
  'server',
  'endpoint',
  'life',
  'conformance',
  'testing',
  'dispatch',
  'request',
  'delivery',
  'connection',
  'protocol',
  'message',
  'framing',
  'transport',
  'events',
  'ticks',
  'queue',
  'env',
  'options',
  'errors',
]

/** What is for tests, of ours and of others: doors of their own, which nothing else opens. */
const FOR_TESTS = ['conformance', 'testing']

/** What only the transports and `env/host.ts` may use: everything else runs in virtual time, and on any host. */
const HOST_GLOBALS = new Set([
  'AbortSignal.timeout',
  'Buffer',
  'Date',
  'Math.random',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'crypto',
  'global',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
])
const mayUseHost = (path: string): boolean =>
  path.startsWith('transport/') || path === 'env/host.ts' || /\.test(-d)?\.ts$/.test(path)

/** Looks at source files, keyed by their path from `src`, and says in one line each what breaks a rule. */
function violations(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, text]) => {
    const parsed = parseSync(path, text)
    if (parsed.errors.length > 0) return [`${path} does not parse`]
    const program = parsed.program as unknown as Node
    const found = [...brokenLayers(path, imports(program)), ...brokenForms(program)]
    if (!mayUseHost(path)) found.push(...hostUses(program))
    return [...new Set(found)].map((what) => `${path} ${what}`)
  })
}

function brokenLayers(path: string, specifiers: string[]): string[] {
  if (rank(path) === undefined) return ['is in no layer: give its folder a place in LAYERS']
  return specifiers.flatMap((specifier) => {
    if (specifier === 'netqueue' || specifier.startsWith('netqueue/')) return [`imports ${specifier}, its own package`]
    if (!/^[.#]/.test(specifier)) return []
    const target = specifier.startsWith('#')
      ? `${specifier.slice(1)}/index.ts`
      : posix.join(posix.dirname(path), specifier)
    const isForTests = FOR_TESTS.includes(topOf(target))
    if (path.endsWith('.test.ts') && (isForTests || target.startsWith('../test/support/'))) return []
    if (isForTests && !FOR_TESTS.includes(topOf(path))) return [`imports ${target}, which is for tests`]
    if (isSibling(path, target)) return [`imports ${target}, a sibling protocol`]
    return isBelow(path, target) ? [] : [`imports ${target}, which is not below it`]
  })
}

const topOf = (path: string): string => path.split('/')[0] ?? ''

function isBelow(path: string, target: string): boolean {
  const [from, to] = [rank(path), rank(target)]
  return (
    from !== undefined &&
    to !== undefined &&
    (from < to || (from === to && (from === 0 || topOf(path) === topOf(target))))
  )
}

/** 0 for the files at the root, `undefined` for a folder without a place. */
function rank(path: string): number | undefined {
  const layer = LAYERS.indexOf(topOf(path))
  if (layer >= 0) return layer + 1
  return path.includes('/') ? undefined : 0
}

function isSibling(path: string, target: string): boolean {
  const [from, to] = [path.split('/'), target.split('/')]
  return from.length > 2 && to.length > 2 && from[0] === 'protocol' && to[0] === 'protocol' && from[1] !== to[1]
}

/** Any node of the syntax tree, by its keys. */
interface Node {
  readonly type: string
  readonly [key: string]: unknown
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string'
const isNamed = (value: unknown): value is Node & { name: string } => isNode(value) && value.type === 'Identifier'

function* children(node: Node, skip: (key: string) => boolean = () => false): Generator<Node> {
  for (const [key, value] of Object.entries(node)) {
    if (!skip(key)) yield* [value].flat().filter(isNode)
  }
}

function* walk(node: Node): Generator<Node> {
  yield node
  for (const child of children(node)) yield* walk(child)
}

function imports(program: Node): string[] {
  return [...walk(program)]
    .map(({ source }) => (source as { value?: unknown } | null | undefined)?.value)
    .filter((value) => typeof value === 'string')
}

function brokenForms(program: Node): string[] {
  const forms: Record<string, string> = {
    ExportAllDeclaration: 'has an `export *`',
    ExportDefaultDeclaration: 'has a default export',
    TSAnyKeyword: 'has an `any`',
  }
  return [...walk(program)].flatMap(({ type }) => forms[type] ?? [])
}

function hostUses(program: Node): string[] {
  const own = new Set(declared(program))
  const globals = [...references(program)].filter((name) => HOST_GLOBALS.has(name) && !own.has(name))
  return [...imports(program).filter((specifier) => isBuiltin(specifier)), ...globals].map((name) => `uses ${name}`)
}

/** The names that a file gives to imports, functions, variables and parameters of its own. */
function declared(program: Node): string[] {
  return [...walk(program)]
    .flatMap(({ type, id, local, params }) => [type.startsWith('Import') ? local : id, params].flat())
    .filter(isNamed)
    .map(({ name }) => name)
}

const NOT_VALUES =
  /^(typeAnnotation|typeArguments|typeParameters|returnType|superTypeArguments|implements|imported|exported)$/

/** The names that stand for a value, not for a type or for a property; `a.b` comes as `a.b` too. */
function* references(node: Node): Generator<string> {
  if (/^TS(Interface|TypeAlias)Declaration$/.test(node.type)) return
  if (isNamed(node)) yield node.name
  const isPlain = node['computed'] !== true
  const { object, property } = node
  if (isPlain && isNamed(object) && isNamed(property))
    yield `${object.name}.${property.name}`.replace(/^globalThis\./, '')
  const skip = (key: string): boolean => NOT_VALUES.test(key) || (isPlain && (key === 'key' || key === 'property'))
  for (const child of children(node, skip)) yield* references(child)
}

function sources(): Map<string, string> {
  const src = join(import.meta.dirname, '../src')
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  return new Map(paths.map((path) => [path, readFileSync(join(src, path), 'utf8')]))
}

const of = (path: string, text: string): string[] => violations(new Map([[path, text]]))

test('the sources keep to their layers', () => {
  const files = sources()
  expect(files.size).toBeGreaterThan(0)
  expect(violations(files)).toEqual([])
})

describe('a violation is found:', () => {
  test.each([
    [
      'an import from above',
      'queue/a.ts',
      "import { b } from '../dispatch/b.ts'",
      'imports dispatch/b.ts, which is not below it',
    ],
    [
      'a type from above',
      'queue/a.ts',
      "import type { B } from '../client.ts'",
      'imports client.ts, which is not below it',
    ],
    [
      'a re-export from above',
      'env/a.ts',
      "export { b } from '../queue/b.ts'",
      'imports queue/b.ts, which is not below it',
    ],
    ['an inline type', 'env/a.ts', "type B = import('../queue/b.ts').B", 'imports queue/b.ts, which is not below it'],
    ['a dynamic import', 'env/a.ts', "void import('../queue/b.ts')", 'imports queue/b.ts, which is not below it'],
    ['the own package', 'env/a.ts', "import { b } from 'netqueue'", 'imports netqueue, its own package'],
    ['a door for tests', 'index.ts', "import { b } from './testing/b.ts'", 'imports testing/b.ts, which is for tests'],
    [
      'a test suite from its tools',
      'testing/a.ts',
      "import { b } from '../conformance/b.ts'",
      'imports conformance/b.ts, which is not below it',
    ],
    [
      'a sibling protocol',
      'protocol/x/a.ts',
      "import { b } from '../y/b.ts'",
      'imports protocol/y/b.ts, a sibling protocol',
    ],
    ['a folder unheard of', 'misc/a.ts', '', 'is in no layer: give its folder a place in LAYERS'],
    [
      'an import of such a folder',
      'client.ts',
      "import '../src/misc/a.ts'",
      'imports ../src/misc/a.ts, which is not below it',
    ],
    [
      'a tool for tests',
      'queue/a.ts',
      "import { b } from '../../test/support/b.ts'",
      'imports ../test/support/b.ts, which is not below it',
    ],
    [
      'what a host is, from below',
      'queue/a.ts',
      "import { b } from '#transport'",
      'imports transport/index.ts, which is not below it',
    ],
    ['a built-in module', 'queue/a.ts', "import { readFile } from 'node:fs'", 'uses node:fs'],
    ['a bare built-in module', 'env/env.ts', "import { readFile } from 'fs'", 'uses fs'],
    ['a timer', 'queue/a.ts', 'setTimeout(() => {}, 1)', 'uses setTimeout'],
    ['a clock', 'client.ts', 'const at = new Date()', 'uses Date'],
    ['a global by its object', 'queue/a.ts', 'globalThis.process?.exit()', 'uses process'],
    ['chance', 'queue/a.ts', 'const { b = Math.random() } = {}', 'uses Math.random'],
    ['a hidden timer', 'queue/a.ts', 'AbortSignal.timeout(1)', 'uses AbortSignal.timeout'],
    ['a star', 'index.ts', "export * from './client.ts'", 'has an `export *`'],
    ['a default', 'client.ts', 'export default 1', 'has a default export'],
    ['an any', 'client.ts', 'export const f = (x: any[]) => x', 'has an `any`'],
    ['a syntax error', 'client.ts', 'const', 'does not parse'],
  ])('%s', (_, path, text, what) => {
    expect(of(path, text)).toEqual([`${path} ${what}`])
  })
})

describe('no violation is found:', () => {
  test.each([
    ['an import from below', 'dispatch/a.ts', "import { b } from '../errors/b.ts'"],
    ['an import within a folder', 'protocol/x/a.ts', "import { b } from './b.ts'; import { c } from '../contract.ts'"],
    ['a protocol in the list of them', 'protocol/list.ts', "import { b } from './x/b.ts'"],
    ['what a host is', 'client.ts', "import { b } from '#transport'"],
    ['files at the root', 'index.ts', "export { connect } from './client.ts'"],
    ['a dependency', 'framing/a.ts', "import { encode } from 'it-length-prefixed'"],
    ['the host in a transport', 'transport/tcp/a.ts', "import net from 'node:net'; setTimeout(() => {}, 1)"],
    ['the host in its environment', 'env/host.ts', 'export const now = () => performance.now()'],
    ['the host in a test', 'queue/a.test.ts', "import fs from 'node:fs'; const at = Date.now()"],
    ['a tool for tests in a test', 'queue/a.test.ts', "import { b } from '../../test/support/b.ts'"],
    ['a door for tests in a test', 'queue/a.test.ts', "import { b } from '../testing/b.ts'"],
    ['comments and strings', 'queue/a.ts', "/* any Date */ const a = 'setTimeout' + `process` // export *"],
    ['methods and properties', 'client.ts', 'class A { process() {} }; new A().process(); const a = { crypto: 1 }'],
    ['types', 'client.ts', 'interface A { process(global: Date): typeof performance }; let a: Date'],
    ['a name of its own', 'client.ts', "import { process } from './handler.ts'; process()"],
  ])('%s', (_, path, text) => {
    expect(of(path, text)).toEqual([])
  })
})
