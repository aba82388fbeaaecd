// @ts-check
// Numbers as a reader of a table wants them: three digits, and a letter for the thousands. What could not be measured is a dash.

/** @param {number} number */
export function rate(number) {
  if (!Number.isFinite(number)) return '–'
  if (number >= 1e6) return `${threeDigits(number / 1e6)} M`
  if (number >= 1e3) return `${threeDigits(number / 1e3)} k`
  return threeDigits(number)
}

/** @param {number} micros */
export function cost(micros) {
  return Number.isFinite(micros) ? `${threeDigits(micros)} µs` : '–'
}

/**
 * From the least to the most.
 * @param {readonly number[]} numbers
 * @param {(number: number) => string} cell
 */
export function range(numbers, cell) {
  return `${cell(Math.min(...numbers))} … ${cell(Math.max(...numbers))}`
}

/** @param {number} number below 1000 */
export function threeDigits(number) {
  if (number >= 99.95) return number.toFixed(0)
  return number.toFixed(number >= 9.995 ? 1 : 2)
}
