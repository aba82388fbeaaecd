import { gzipSync } from 'node:zlib'

import { parseSync } from 'vite'
import { describe, expect, test } from 'vitest'

import * as browser from '../../src/transport/browser.ts'
import * as node from '../../src/transport/index.ts'
import { bundle } from './bundle.ts'

describe('in a browser', () => {
  test.each(['src/index.ts', 'src/transport/websocket-browser.ts', 'src/conformance/index.ts'])(
    '%s holds nothing of Node',
    async (entry) => {
      const code = await bundle(entry)
      const { module } = parseSync('bundle.js', code)
      expect(module.staticImports).toEqual([])
      expect(code).not.toMatch(/node:|__vite-browser-external|require\(/)
    },
  )

  /** As docs/websocket.md has them, and a little more. */
  test.each([
    ['src/index.ts', 124_000],
    ['test/browser/connect-only.ts', 98_500],
  ])('%s has at most %d bytes, minified and compressed', async (entry, most) => {
    const { length } = gzipSync(await bundle(entry, { isMinified: true }))
    console.log(`netqueue: ${entry} is ${(length / 1000).toFixed(1)} kB for a browser`)
    expect(length).toBeLessThan(most)
  })

  test('transports have the names that they have elsewhere', () => {
    expect(Object.keys(browser).toSorted()).toEqual(Object.keys(node).toSorted())
  })
})
