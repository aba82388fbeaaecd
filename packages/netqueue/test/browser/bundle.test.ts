import { parseSync } from 'vite'
import { describe, expect, test } from 'vitest'

import * as browser from '../../src/transport/browser.ts'
import * as node from '../../src/transport/index.ts'
import { bundle } from './bundle.ts'

describe('in a browser', () => {
  test.each(['src/index.ts', 'src/conformance/index.ts'])('%s holds nothing of Node', async (entry) => {
    const code = await bundle(entry)
    const { module } = parseSync('bundle.js', code)
    expect(module.staticImports).toEqual([])
    expect(code).not.toMatch(/node:|__vite-browser-external|require\(/)
  })

  test('transports have the names that they have elsewhere', () => {
    expect(Object.keys(browser).toSorted()).toEqual(Object.keys(node).toSorted())
  })
})
