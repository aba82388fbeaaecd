// @ts-check

/**
 * The value below which a share of the numbers lies, by nearest rank.
 * @param {Iterable<number>} numbers
 * @param {number} share from 0 to 1
 */
export function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).toSorted()
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  return at(sorted, rank - 1)
}

/**
 * The middle one, or the mean of the two in the middle.
 * @param {Iterable<number>} numbers
 */
export function median(numbers) {
  const sorted = Float64Array.from(numbers).toSorted()
  const half = (sorted.length - 1) / 2
  return (at(sorted, Math.floor(half)) + at(sorted, Math.ceil(half))) / 2
}

/** @param {readonly number[]} numbers */
export function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

/**
 * @param {Float64Array} sorted
 * @param {number} index
 */
function at(sorted, index) {
  return sorted[index] ?? Number.NaN
}

/**
 * @param {number} number
 * @param {number} [digits]
 */
export function rounded(number, digits = 0) {
  return Number(number.toFixed(digits))
}
