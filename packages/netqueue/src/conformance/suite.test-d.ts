import * as node from 'node:test'

import * as vitest from 'vitest'
import { expectTypeOf, test } from 'vitest'

import type { TestFunctions } from './suite.ts'

test('the functions of node:test and of vitest are those of a runner', () => {
  expectTypeOf({ describe: node.describe, test: node.test }).toExtend<TestFunctions>()
  expectTypeOf({ describe: vitest.describe, test: vitest.test }).toExtend<TestFunctions>()
  expectTypeOf({ describe: vitest.describe, test: () => {} }).not.toExtend<TestFunctions>()
})
