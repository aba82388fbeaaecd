// @ts-check
import { expect, test } from 'vitest'

import { median, quantile } from '../statistics.mjs'

test('the median is the middle number, whatever their order', () => {
  expect(median([30, 1, 2])).toBe(2)
  expect(median([10, 9, 100])).toBe(10)
})

test('the median of an even count is the mean of the two in the middle', () => {
  expect(median([4, 1, 2, 100])).toBe(3)
})

test('nothing has no median and no quantile', () => {
  expect(median([])).toBeNaN()
  expect(quantile([], 0.5)).toBeNaN()
})

test('a quantile is one of the numbers, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(quantile(hundred, 0.5)).toBe(50)
  expect(quantile(hundred, 0.99)).toBe(99)
  expect(quantile(hundred, 0.991)).toBe(100)
})

test('the quantiles 0 and 1 are the least and the most', () => {
  expect(quantile([3, 1, 2], 0)).toBe(1)
  expect(quantile([3, 1, 2], 1)).toBe(3)
})
