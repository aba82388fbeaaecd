// @ts-check
// Options that several workloads have.

/**
 * Milliseconds for which each side runs before it is measured. V8 compiles what runs often bit by bit: within 300 ms, a program of many parts is
 * at half of the speed that it has for the rest of the day, one of a hundred lines is not.
 */
export const WARM_UP_MS = 2_000
export const MEASURED_MS = { default: 1_000, help: 'milliseconds that are measured, after a warm-up' }
export const PREFETCH = { default: 0, help: 'prefetch of netqueue, 0 for its default' }
/** Where questions are asked: a request knows no prefetch. */
export const SUBMIT_PREFETCH = { default: 0, help: 'prefetch of netqueue-submit alone, 0 for its default' }
